ARG SLIM=yes
FROM python:3.13${SLIM:+-slim}${MISSING:+-alpine}

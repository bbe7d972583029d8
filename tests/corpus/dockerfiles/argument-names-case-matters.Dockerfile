ARG version=3.13
FROM python:${VERSION:-3.12}

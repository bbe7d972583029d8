ARG VERSION
FROM python:${VERSION:?which one}

ARG VERSION
FROM python:${VERSION:?missing}

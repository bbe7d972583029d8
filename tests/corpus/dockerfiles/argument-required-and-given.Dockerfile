ARG VERSION=3.13
FROM python:${VERSION:?missing}

FROM python:3.13
COPY <<Dockerfile /Dockerfile
# syntax=docker/dockerfile:1
FROM nginx AS web
FROM scratch
Dockerfile
RUN --mount=from=busybox,target=/b <<SH
true
SH

FROM docker.io/python:3.13 AS short
FROM docker.io/library/python:3.12 AS full
FROM index.docker.io/python:3.11 AS index
FROM registry-1.docker.io/library/python:3.10 AS registry
FROM library/python:3.9 AS library
FROM nginxinc/nginx-unprivileged:1.29 AS vendor
FROM scratch
COPY --from=short /a /a
COPY --from=full /a /b
COPY --from=index /a /c
COPY --from=registry /a /d
COPY --from=library /a /e
COPY --from=vendor /a /f

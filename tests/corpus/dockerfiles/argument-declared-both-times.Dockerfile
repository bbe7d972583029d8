ARG VERSION=3.13
FROM nginx AS one
ARG VERSION=9
FROM python:$VERSION
COPY --from=one /a /a

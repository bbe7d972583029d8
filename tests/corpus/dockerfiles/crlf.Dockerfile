# a comment
ARG VERSION=3.13
FROM python:${VERSION} AS app
RUN true \
  && true
COPY --from=redis:8 /a /a
FROM app

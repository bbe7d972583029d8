FROM python:3.13 AS base
FROM node:24 AS assets
FROM base AS test
COPY --from=redis:8 /a /a
FROM base AS lint
RUN --mount=from=busybox,target=/b true
FROM base AS release
COPY --from=assets /dist /dist

FROM python AS base
FROM base AS left
FROM base AS right
FROM alpine
COPY --from=left /a /a
COPY --from=right /a /b

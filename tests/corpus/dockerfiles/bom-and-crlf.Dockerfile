ARG V=3.13
FROM python:$V
COPY --from=redis:8 /a /a

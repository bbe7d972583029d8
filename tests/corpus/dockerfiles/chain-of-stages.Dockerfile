FROM python:3.13 AS a
FROM a AS b
FROM b AS c
FROM c AS d
COPY --from=nginx /a /a

FROM mysql:9 AS db
COPY --from=db /a /a

FROM mysql:9 AS first
COPY --from=1 /a /a
FROM nginx

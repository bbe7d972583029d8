FROM mysql:9
FROM nginx
COPY --from=00 /a /a

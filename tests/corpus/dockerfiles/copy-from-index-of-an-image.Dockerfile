FROM nginx AS one
COPY --from=redis:8 /a /a
FROM mysql:9
COPY --from=2 /a /a

FROM nginx
FROM redis
COPY --from=0 /a /a

ARG SOURCE=nginx
FROM redis
ARG SOURCE
COPY --from=$SOURCE /a /a

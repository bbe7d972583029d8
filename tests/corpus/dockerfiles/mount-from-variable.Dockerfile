ARG SOURCE=nginx
FROM redis
ARG SOURCE
RUN --mount=from=$SOURCE,target=/b true

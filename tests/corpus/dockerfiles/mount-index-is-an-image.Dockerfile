FROM nginx
FROM redis
RUN --mount=from=0,target=/a true

FROM nginx
RUN true \
FROM redis

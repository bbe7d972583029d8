RUN true
FROM nginx

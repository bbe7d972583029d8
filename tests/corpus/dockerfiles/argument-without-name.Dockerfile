ARG =x
FROM nginx

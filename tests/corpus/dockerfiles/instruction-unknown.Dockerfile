FROM nginx
PULL redis

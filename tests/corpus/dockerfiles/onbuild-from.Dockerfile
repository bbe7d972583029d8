FROM redis
ONBUILD FROM nginx

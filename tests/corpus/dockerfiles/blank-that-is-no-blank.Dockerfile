FROM nginx

FROM nginx \

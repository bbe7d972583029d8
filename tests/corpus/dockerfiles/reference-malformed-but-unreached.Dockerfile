FROM nginx:a:b AS unused
FROM nginx

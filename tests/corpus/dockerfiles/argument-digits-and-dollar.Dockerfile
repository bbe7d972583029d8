FROM nginx:1$1x

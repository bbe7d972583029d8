# escape=x
FROM nginx

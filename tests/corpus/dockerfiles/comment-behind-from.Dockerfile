FROM nginx # the web server

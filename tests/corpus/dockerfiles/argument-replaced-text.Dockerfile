ARG NAME=my.nginx.web
FROM ${NAME/./-} AS a
FROM ${NAME//./-}
COPY --from=a /a /a

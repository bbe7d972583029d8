FROM nginx
RUN <<EOF
FROM redis
COPY --from=mysql /a /a
EOF
COPY <<a.txt <<b.txt /files/
FROM node
a.txt
FROM alpine
b.txt
CMD ["true"]

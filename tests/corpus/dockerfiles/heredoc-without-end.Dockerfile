FROM nginx
RUN <<EOF
true

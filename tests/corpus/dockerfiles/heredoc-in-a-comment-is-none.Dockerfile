FROM nginx
# RUN <<EOF
COPY --from=redis /a /a

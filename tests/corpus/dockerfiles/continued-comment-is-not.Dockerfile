FROM nginx
# comment \
COPY --from=redis /a /a

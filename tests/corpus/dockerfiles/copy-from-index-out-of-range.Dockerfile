FROM nginx
COPY --from=9 /a /a

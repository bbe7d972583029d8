FROM nginx
COPY --from=-1 /a /a

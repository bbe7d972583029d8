FROM nginx
COPY --from="redis:8" /a /a

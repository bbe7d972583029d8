FROM nginx
COPY --from=redis --from=mysql /a /a

FROM nginx
COPY --from= /a /a

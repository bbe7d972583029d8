FROM redis
ADD --from=nginx /a /a

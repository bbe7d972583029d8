FROM redis
ONBUILD COPY --from=nginx /a /a

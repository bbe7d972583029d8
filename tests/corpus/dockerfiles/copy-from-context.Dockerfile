FROM redis
COPY --from=context /a /a

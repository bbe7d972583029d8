FROM nginx AS Builder
FROM redis
COPY --from=BUILDER /a /a

FROM nginx AS web
RUN true
FROM web
COPY --from=redis /a /a

FROM nginx AS a
COPY --from=b /a /a
FROM nginx AS b
COPY --from=a /a /a

FROM nginx AS first
COPY --from=second /a /a
FROM python AS second

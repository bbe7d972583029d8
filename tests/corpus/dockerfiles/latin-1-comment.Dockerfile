FROM nginx
# café
LABEL drink="café"
COPY --from=redis /a /a

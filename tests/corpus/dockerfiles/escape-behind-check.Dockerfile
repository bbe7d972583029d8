# check=skip=all
# escape=`
FROM nginx
RUN true `
COPY --from=redis /a /a

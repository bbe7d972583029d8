# escape=`
FROM `
  python:3.13 `
  AS app
RUN dir C:\
COPY --from=redis:8 /a /a

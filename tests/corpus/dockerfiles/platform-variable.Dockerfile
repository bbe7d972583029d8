FROM --platform=$BUILDPLATFORM golang:1.25 AS build
FROM nginx
COPY --from=build /a /a

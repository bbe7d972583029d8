FROM node:24 AS Assets
FROM nginx
RUN --mount=from=assets,target=/a true

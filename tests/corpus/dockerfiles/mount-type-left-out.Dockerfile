FROM nginx
RUN --mount=from=redis,target=/b true

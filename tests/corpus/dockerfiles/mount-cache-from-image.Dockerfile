FROM nginx
RUN --mount=type=cache,from=redis,target=/b true

FROM nginx
RUN --mount=type=tmpfs,from=redis,target=/b true

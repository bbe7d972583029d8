FROM nginx
RUN --mount=type=bind,from=,target=/b true

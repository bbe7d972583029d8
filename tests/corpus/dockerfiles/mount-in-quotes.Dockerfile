FROM nginx
RUN --mount="type=bind,from=redis,target=/b" true
RUN --mount=type=bind,"from=mysql:9",target=/b true

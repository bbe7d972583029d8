FROM nginx
RUN --mount=type=bind,from=redis:8,source=/a,target=/b true

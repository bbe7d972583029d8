FROM nginx
RUN --mount=type=bind,FROM=redis,target=/b true

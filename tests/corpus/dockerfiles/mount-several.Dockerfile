FROM nginx
RUN --mount=from=redis,target=/a --mount=type=secret,id=x --mount=from=mysql:9,target=/b --network=none true

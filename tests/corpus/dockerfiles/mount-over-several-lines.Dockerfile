FROM nginx
RUN --mount=from=redis,target=/a \
    # the database
    --mount=from=mysql:9,target=/b \
    true

FROM redis
COPY --from=scratch /a /a
RUN --mount=from=scratch,target=/b true

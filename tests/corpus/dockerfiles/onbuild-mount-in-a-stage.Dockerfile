FROM redis AS parent
ONBUILD RUN --mount=from=nginx,target=/a true
FROM parent

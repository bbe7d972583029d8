from python:3.13 as build
copy --from=redis:8 /a /a
run --mount=from=busybox,target=/tools true
from build

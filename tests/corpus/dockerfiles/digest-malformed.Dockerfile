FROM nginx@sha256:12

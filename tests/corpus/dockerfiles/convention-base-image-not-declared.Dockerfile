FROM ${BASE_IMAGE:-python:3.13-slim}

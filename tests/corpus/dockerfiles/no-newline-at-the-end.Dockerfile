FROM alpine:3.22
FROM python:3.13-slim
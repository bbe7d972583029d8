# syntax=docker/dockerfile:1 and more
FROM nginx

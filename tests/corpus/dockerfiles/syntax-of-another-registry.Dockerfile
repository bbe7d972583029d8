# syntax=public.ecr.aws/docker/dockerfile:1
FROM nginx

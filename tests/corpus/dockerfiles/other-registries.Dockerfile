FROM public.ecr.aws/docker/library/python:3.13 AS ecr
FROM ghcr.io/astral-sh/uv:0.9 AS uv
FROM localhost:5000/tools AS local
FROM [::1]:5000/tools:2 AS address
FROM registry.example:8443/team/app:1 AS port
FROM quay.io/team/app
COPY --from=ecr /a /a
COPY --from=uv /uv /bin/uv
COPY --from=local /a /b
COPY --from=address /a /c
COPY --from=port /a /d

FROM public.ecr.aws/docker/library/python:3.13
COPY --from=nginx:1.29 --chown=1:1 /etc/nginx /etc/nginx
COPY --chmod=644 --from=redis:8 /a /a

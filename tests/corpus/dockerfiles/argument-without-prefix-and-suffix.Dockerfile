ARG NAME=library/team/python:3.13.1-slim
FROM ${NAME##*/} AS a
FROM ${NAME%-*} AS b
FROM ${NAME%%:*}:1
COPY --from=a /a /a
COPY --from=b /a /b

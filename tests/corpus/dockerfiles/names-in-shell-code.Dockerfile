FROM nginx
RUN echo "FROM redis" && echo --from=mysql && docker pull postgres:18
LABEL from="FROM node"
ENV IMAGE=alpine:3

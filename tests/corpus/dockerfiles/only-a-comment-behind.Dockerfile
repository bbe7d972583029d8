FROM python:3.13
# FROM nginx
#FROM redis

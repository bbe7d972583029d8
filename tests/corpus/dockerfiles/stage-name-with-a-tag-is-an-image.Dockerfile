FROM nginx AS python
FROM python:latest

FROM nginx:1.29 AS python
FROM python
RUN true

FROM python AS python
FROM python

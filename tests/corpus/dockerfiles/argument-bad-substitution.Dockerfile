FROM python:${}

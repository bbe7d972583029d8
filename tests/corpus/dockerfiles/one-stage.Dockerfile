FROM python:3.13-slim
WORKDIR /srv
COPY requirements.txt .
CMD ["python", "-m", "http.server"]

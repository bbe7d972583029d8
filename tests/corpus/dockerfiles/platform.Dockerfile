FROM --platform=linux/amd64 python:3.13

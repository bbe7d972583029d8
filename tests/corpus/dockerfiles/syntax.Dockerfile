# syntax=docker/dockerfile:1
FROM python:3.13

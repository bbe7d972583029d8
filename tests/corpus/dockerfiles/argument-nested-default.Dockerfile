ARG A
FROM ${A:-python:${B:-3.13}}

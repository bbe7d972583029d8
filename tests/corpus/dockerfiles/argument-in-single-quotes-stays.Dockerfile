ARG A=3
FROM 'python:$A'

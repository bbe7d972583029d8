ARG A="3.13" B='-slim'
FROM "python:$A$B"

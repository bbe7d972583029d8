ARG A=3 B=${A}.13 C="-slim"
FROM python:$B$C

ARG A=${B:?no}
FROM python:3$A

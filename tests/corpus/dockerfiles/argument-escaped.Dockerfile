ARG A=x
FROM python\:3$A

# escape=`
ARG A=x
FROM nginx:`$A

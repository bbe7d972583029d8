#   SynTax =   docker/dockerfile:1.7-labs  
FROM python:3.13

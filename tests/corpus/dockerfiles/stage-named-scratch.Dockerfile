FROM nginx AS scratch
FROM scratch

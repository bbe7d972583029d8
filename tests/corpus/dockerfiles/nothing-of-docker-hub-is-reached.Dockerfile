FROM nginx AS unused
FROM ghcr.io/team/app:1

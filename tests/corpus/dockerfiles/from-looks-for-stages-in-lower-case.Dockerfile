FROM nginx AS Builder
FROM builder

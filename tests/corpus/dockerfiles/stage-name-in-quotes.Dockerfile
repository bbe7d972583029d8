FROM nginx AS web
FROM "web"

# syntax=$FRONTEND
FROM nginx

FROM nginx AS web
RUN cat <<-"EOF" > /a && true
	FROM redis
	EOF
FROM web

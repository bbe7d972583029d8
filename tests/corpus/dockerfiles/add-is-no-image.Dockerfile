FROM redis
ADD https://example.invalid/nginx:1 /a

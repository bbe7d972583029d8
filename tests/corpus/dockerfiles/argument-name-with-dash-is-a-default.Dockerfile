FROM nginx:${a-b}

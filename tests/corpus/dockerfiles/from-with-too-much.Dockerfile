FROM nginx redis mysql

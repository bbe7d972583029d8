FROM nginx AS

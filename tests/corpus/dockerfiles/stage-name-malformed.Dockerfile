FROM nginx AS 1st

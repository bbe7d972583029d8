FROM later
FROM nginx AS later

FROM nginx AS base
FROM redis AS base
FROM base

#!/usr/bin/env build
# syntax=example/frontend
FROM nginx

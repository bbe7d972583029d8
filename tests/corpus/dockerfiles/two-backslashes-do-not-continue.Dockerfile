FROM nginx
RUN echo \\
COPY --from=redis /a /a

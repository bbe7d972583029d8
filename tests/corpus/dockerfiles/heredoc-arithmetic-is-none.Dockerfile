FROM nginx
RUN echo $((1<<3))
COPY --from=redis /a /a

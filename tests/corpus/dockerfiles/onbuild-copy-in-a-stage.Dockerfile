FROM redis AS parent
ONBUILD COPY --from=nginx /a /a
FROM parent

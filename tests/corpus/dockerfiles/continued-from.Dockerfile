FROM \
  python:3.13 \
  AS app
FROM app

FROM \
# which one
python:3.13 \

  # its name
  AS app
FROM app

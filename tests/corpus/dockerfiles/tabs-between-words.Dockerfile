FROM	python:3.13-slim	AS	app
FROM	app

"""A small web application: greets, and says that it is well."""

import os
import platform

from flask import Flask, Response, jsonify

GREETING = "Hello from pythonbase"
HEALTH_CHECK_PATH = os.environ.get("HEALTH_CHECK_PATH", "/health")

app = Flask(__name__)


@app.get("/")
def greet() -> Response:
    """The greeting, as text."""
    return Response(f"{GREETING}\n", mimetype="text/plain")


if HEALTH_CHECK_PATH != "/":

    @app.get(HEALTH_CHECK_PATH)
    def health() -> Response:
        """Whether the application works, with what it runs on."""
        return jsonify(status="ok", python=platform.python_version())

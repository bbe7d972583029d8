"""A small app: answers every request."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUILD = "0"


class Handler(BaseHTTPRequestHandler):
    """Answers with the number of the build."""

    def do_GET(self) -> None:
        body = f"build {BUILD}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    # a container is reached from outside
    ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()  # noqa: S104

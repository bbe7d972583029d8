"""A service that says its version."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "0"


class Handler(BaseHTTPRequestHandler):
    """Answers everything with the version."""

    def do_GET(self) -> None:
        """The version, as text."""
        body = f"{VERSION} {os.environ.get('TEMPLATE', '')}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    if os.environ.get("TEMPLATE") == "broken":
        raise SystemExit(4)
    ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()

"""Answers every request with 200 on $PORT, so that the base image can stand in for a service without a release."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = b"pythonbase: no release yet. Push to the service's repository to release it.\n"


class Placeholder(BaseHTTPRequestHandler):
    """One answer for every path."""

    def do_GET(self) -> None:
        """Answer with 200 and one line of text."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(TEXT)

    do_HEAD = do_GET  # noqa: N815 - the base class finds methods by this name


if __name__ == "__main__":
    # The process is PID 1 of its container, which ignores SIGTERM unless told otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Placeholder).serve_forever()

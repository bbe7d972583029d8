"""Answers as AWS does at its link-local addresses, and elsewhere redirects to there."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTAINER, INSTANCE, OUTSIDE = "169.254.170.2", "169.254.169.254", "10.9.0.1"
"""https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html"""


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Credentials, or the way to them."""
        if self.connection.getsockname()[0] == OUTSIDE:
            self.send_response(302)
            self.send_header("Location", f"http://{CONTAINER}/v2/credentials/1")
            self.end_headers()
            return
        body = b'{"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "reached", "Token": "t"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    servers = [ThreadingHTTPServer((address, 80), _Answer) for address in (CONTAINER, INSTANCE)]
    servers.append(ThreadingHTTPServer((OUTSIDE, 8080), _Answer))
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

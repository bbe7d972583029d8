"""A stand-in for the AWS server in tests of the box: answers on every socket, and saves when it is asked to stop."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _serve(listener: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["LOCALCLOUD_TLS_CERT"], os.environ["LOCALCLOUD_TLS_KEY"])
    server = ThreadingHTTPServer(listener.getsockname(), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = context.wrap_socket(listener, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for port in (int(os.environ["LOCALCLOUD_PORT"]), 443):
        _serve(socket.create_server(("127.0.0.1", port)))
    _serve(socket.socket(fileno=int(os.environ["LOCALCLOUD_LISTEN_FD"])))
    stop.wait()
    with (Path(os.environ["LOCALCLOUD_HOME"]) / "aws" / "saved").open("a") as saved:
        saved.write("saved\n")


if __name__ == "__main__":
    main()

"""Plain HTTP on this machine's loopback for what load balancers serve: `http://127.0.0.1:<port>/<load balancer>/…`.

Run in the box as `python -m pythonbase_localcloud.box.front`. Browsers and curl reach a service without knowing the
instance's certificate authority; everything is passed on to the AWS server's load balancers over TLS. Names of the kind
`<load balancer>.alb.localhost` work too, for applications that cannot live below a path.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ALB_DOMAIN = ".alb.localhost"
_ALB_PATH = "/_alb"
"""Where MiniStack serves load balancers by name."""
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)
_TIMEOUT_SECONDS = 60.0
_RESTART_SECONDS = 15.0
_RETRY_SECONDS = 0.2


def target_path(host: str, path: str) -> str:
    """The path at the AWS server for a request with this Host header and path: always a load balancer's."""
    name = host.partition(":")[0]
    if name.endswith(_ALB_DOMAIN):
        return f"{_ALB_PATH}/{name.removesuffix(_ALB_DOMAIN)}{path}"
    return _ALB_PATH + path


class Front(ThreadingHTTPServer):
    """Serves on a socket that is listening already."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, *, gateway_port: int, ca_bundle: str) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._gateway_port = gateway_port
        self._context = ssl.create_default_context(cafile=ca_bundle)

    def gateway(self) -> http.client.HTTPSConnection:
        """A connection to the AWS server in the box."""
        return http.client.HTTPSConnection(
            "127.0.0.1", self._gateway_port, context=self._context, timeout=_TIMEOUT_SECONDS
        )


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client went away
            self.close_connection = True

    def _pass_on(self) -> None:
        connection = self.server.gateway()
        try:
            try:
                self._connect(connection)
                answer = self._ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self._send_text(HTTPStatus.BAD_GATEWAY, f"the AWS server does not answer: {error}\n")
                return
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            if self.command == "HEAD" or answer.length is None:
                # without a length the end of the connection is the end of the body
                self.close_connection = answer.length is None
                self.send_header("Connection", "close" if self.close_connection else "keep-alive")
            if answer.length is not None:
                self.send_header("Content-Length", str(answer.length))
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile)
        finally:
            connection.close()

    @staticmethod
    def _connect(connection: http.client.HTTPSConnection) -> None:
        """A server that is being started again is waited for: on AWS, load balancers do not go away."""
        end = time.monotonic() + _RESTART_SECONDS
        while True:
            try:
                connection.connect()
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _ask(self, connection: http.client.HTTPSConnection) -> http.client.HTTPResponse:
        host = self.headers.get("host", "localhost")
        connection.putrequest(self.command, target_path(host, self.path), skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                connection.putheader(name, value)
        body = self._body()
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        return connection.getresponse()

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _send_text(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _pass_on  # noqa: N815  http.server's names


def main() -> None:
    """Serve on the inherited socket; runs until it is ended."""
    listener = socket.socket(fileno=int(os.environ["LOCALCLOUD_FRONT_FD"]))
    front = Front(
        listener,
        gateway_port=int(os.environ["LOCALCLOUD_PORT"]),
        ca_bundle=os.environ["LOCALCLOUD_CA_BUNDLE"],
    )
    print(f"serves load balancers on {listener.getsockname()}", file=sys.stderr, flush=True)
    front.serve_forever()


if __name__ == "__main__":
    main()

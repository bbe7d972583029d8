"""Reading and writing HTTP in the stand-in's two servers: errors as registries word them, bodies, forwarding."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from pythonbase_localcloud.docker_hub.registry import Registry

_FORWARDED = ("accept", "content-type", "content-range", "content-length", "range", "if-none-match")
_RETURNED = (
    "content-type",
    "content-length",
    "content-range",
    "accept-ranges",
    "docker-content-digest",
    "docker-distribution-api-version",
    "docker-upload-uuid",
    "etag",
    "location",
    "range",
)
_CHUNK = 1 << 20


class Messages(BaseHTTPRequestHandler):
    """A request handler that answers in JSON and can hand a request on to the registry."""

    protocol_version = "HTTP/1.1"

    def send_json(self, status: int, value: object, *, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a JSON document."""
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error_code(
        self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None, detail: Any = None
    ) -> None:
        """Answer with an error in the registry protocol's form."""
        error = {"code": code, "message": message, **({"detail": detail} if detail is not None else {})}
        self.send_json(status, {"errors": [error]}, headers=headers)

    def body(self) -> Iterator[bytes]:
        """The request's body in pieces, whether it has a length or comes in chunks."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass  # trailers
            return
        left = int(self.headers.get("content-length") or 0)
        while left > 0:
            piece = self.rfile.read(min(left, _CHUNK))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def ask(self, registry: http.client.HTTPConnection) -> http.client.HTTPResponse:
        """Hand the request on to the registry; the answer's body is still to be read."""
        # clients name each media type that they accept in a header of its own
        headers = {name: ", ".join(self.headers.get_all(name, [])) for name in _FORWARDED if name in self.headers}
        chunked = "content-length" not in self.headers and "transfer-encoding" in self.headers
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        has_body = self.command in ("POST", "PUT", "PATCH")
        registry.request(
            self.command, self.path, body=self.body() if has_body else None, headers=headers, encode_chunked=chunked
        )
        return registry.getresponse()

    def pass_back(self, answer: http.client.HTTPResponse, *, headers: Mapping[str, str] | None = None) -> None:
        """Answer with the registry's status, headers and body."""
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() in _RETURNED:
                self.send_header(name, text)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        if answer.getheader("content-length") is None and answer.status != HTTPStatus.NO_CONTENT:
            content = answer.read()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        self.end_headers()
        if self.command != "HEAD":
            shutil.copyfileobj(answer, self.wfile, _CHUNK)

    def forward(self, registry: Registry) -> None:
        """Hand the request on and answer with what comes back."""
        with registry.connection() as connection:
            self.pass_back(self.ask(connection))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the counter's journal has what matters."""

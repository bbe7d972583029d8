"""The registry that stands in for upstream ones inside the box: read-only, one image under every known name.

Run in the box as `python -m pythonbase_localcloud.images.upstream_server`. It serves what `upstream.json` of the
instance lists as made; the file and the certificate are read again when they change, so that a later `up` can add a
registry.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pythonbase_localcloud.images import upstream

_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<version>[^/]+)")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")


class StandIn(ThreadingHTTPServer):
    """HTTPS server for the registry API's reading half."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], *, record: Path, image: Path, certificate: Path, key: Path) -> None:
        super().__init__(address, _Handler)
        self.record, self.image = record, image
        self._certificate, self._key = certificate, key
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._loaded = 0

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection; the handshake is left to the handler's thread, so that nobody holds up the others."""
        changed = self._certificate.stat().st_mtime_ns
        if changed != self._loaded:
            self._context.load_cert_chain(self._certificate, self._key)
            self._loaded = changed
        connection, address = self.socket.accept()
        connection.settimeout(60)
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def serves(self, host: str, name: str, version: str | None) -> bool:
        """Whether an image of this name is stood in for (`version` None: under any tag)."""
        return any(
            reference.api_host == host and reference.name == name and version in (None, reference.version)
            for reference in upstream.Record(self.record).made()
        )


class _Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        if path in ("/v2", "/v2/"):
            self._send(HTTPStatus.OK, b"{}", "application/json", with_body=with_body)
        elif (match := _MANIFEST.fullmatch(path)) is not None:
            self._manifest(match["name"], match["version"], with_body=with_body)
        elif (match := _BLOB.fullmatch(path)) is not None:
            self._blob(match["name"], match["digest"], with_body=with_body)
        else:
            self._refuse("UNSUPPORTED", f"{path} is not served here", with_body=with_body)

    def _manifest(self, name: str, version: str, *, with_body: bool) -> None:
        try:
            content = (self.server.image / "manifest.json").read_bytes()
        except FileNotFoundError:
            self._refuse("MANIFEST_UNKNOWN", "the stand-in image is not made yet", with_body=with_body)
            return
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        host = self._host()
        if not self.server.serves(host, name, None if version == digest else version):
            text = (
                f"{host}/{name}:{version} is not in platform.yaml, and {host} cannot be reached: "
                "the local cloud has a stand-in for the listed upstream images only"
            )
            self._refuse("MANIFEST_UNKNOWN", text, with_body=with_body)
            return
        kind = str(json.loads(content)["mediaType"])
        self._send(HTTPStatus.OK, content, kind, digest=digest, with_body=with_body)

    def _blob(self, name: str, digest: str, *, with_body: bool) -> None:
        blob = self.server.image / "blobs" / digest
        if not self.server.serves(self._host(), name, None) or not blob.is_file():
            self._refuse("BLOB_UNKNOWN", f"no blob {digest}", with_body=with_body)
            return
        self.send_response(HTTPStatus.OK)
        self._headers("application/octet-stream", blob.stat().st_size, digest)
        if with_body:
            with blob.open("rb") as source:
                shutil.copyfileobj(source, self.wfile, 1 << 20)

    def _host(self) -> str:
        return self.headers.get("host", "").partition(":")[0]

    def _refuse(self, code: str, message: str, *, with_body: bool) -> None:
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self._send(HTTPStatus.NOT_FOUND, body, "application/json", with_body=with_body)

    def _send(
        self, status: HTTPStatus, body: bytes, content_type: str, *, with_body: bool, digest: str | None = None
    ) -> None:
        self.send_response(status)
        self._headers(content_type, len(body), digest)
        if with_body:
            self.wfile.write(body)

    def _headers(self, content_type: str, length: int, digest: str | None) -> None:
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if digest is not None:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()


def main() -> None:
    """Serve on 127.0.0.2:443 with what the environment names; runs until it is ended."""
    settings = {name: Path(os.environ[f"LOCALCLOUD_UPSTREAM_{name}"]) for name in ("RECORD", "IMAGE", "CERT", "KEY")}
    server = StandIn(
        (upstream.ADDRESS, 443),
        record=settings["RECORD"],
        image=settings["IMAGE"],
        certificate=settings["CERT"],
        key=settings["KEY"],
    )
    print(f"serves {settings['IMAGE']} on {upstream.ADDRESS}:443", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

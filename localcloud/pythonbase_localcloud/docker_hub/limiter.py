"""The HTTPS server that is Docker Hub in the box: token service, registry with a pull limit. It also is the other
registries that do not answer: they give what platform.yaml names to anybody, and take nothing.

Statuses, headers and words are Docker Hub's: https://docs.docker.com/docker-hub/usage/pulls/ has the headers; the
messages are what its clients print (docker/hub-feedback#2464 without an account, astral-sh/uv#16350 with one). No
source shows a Retry-After in the answer to a pull too many, so there is none, except in an outage that asks for it.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from pythonbase_localcloud.docker_hub.accounts import TOKEN_SECONDS, WrongPasswordError, basic
from pythonbase_localcloud.docker_hub.http_messages import Messages
from pythonbase_localcloud.docker_hub.limits import Allowance, Counter, Entry, Identity
from pythonbase_localcloud.docker_hub.names import AUTH_HOST, HOSTS, SERVICE
from pythonbase_localcloud.docker_hub.registry import RegistryError
from pythonbase_localcloud.docker_hub.service import Failure, Service

_MANIFEST = re.compile(r"/v2/(?P<name>[a-z0-9._/-]+)/manifests/(?P<reference>[^/]+)")
_REPOSITORY = re.compile(r"/v2/(?P<name>[a-z0-9._/-]+)/(?:manifests|blobs|tags)/.*")
_NOT_LISTED = (
    "is not in platform.yaml, and its registry cannot be reached: the local cloud has a stand-in for the listed "
    "upstream images only"
)
_INCREASE = "https://www.docker.com/increase-rate-limit"


class Limiter(ThreadingHTTPServer):
    """The server; `certificate` and `key` are PEM files for all names, read again when a later `up` has added one."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], service: Service, *, certificate: Path, key: Path) -> None:
        self.service = service
        self._certificate, self._key, self._loaded = certificate, key, 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the handshake is left to the handler's thread, so that nobody holds up the others."""
        changed = self._certificate.stat().st_mtime_ns
        if changed != self._loaded:
            self._context.load_cert_chain(self._certificate, self._key)
            self._loaded = changed
        connection, address = self.socket.accept()
        connection.settimeout(120)
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address


class _Handler(Messages, BaseHTTPRequestHandler):
    server: Limiter

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        host = self.headers.get("host", "").partition(":")[0]
        if host == AUTH_HOST and path == "/token":
            self._token()
        elif path != "/v2" and not path.startswith("/v2/"):
            self.send_error_code(HTTPStatus.NOT_FOUND, "UNSUPPORTED", f"{host}{path} is not played here")
        elif host in HOSTS:
            self._guarded(self._registry, path)
        else:
            self._guarded(partial(self._upstream, host), path)

    def _guarded(self, answer: Callable[[str], None], path: str) -> None:
        """Answer, or say what the registry behind this server has."""
        try:
            answer(path)
        except (RegistryError, OSError, http.client.HTTPException) as error:
            self.send_error_code(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", str(error))
            self.close_connection = True

    # --- tokens ------------------------------------------------------------------------------------------------------

    def _token(self) -> None:
        """GET with Basic credentials or none; POST is OAuth 2, which BuildKit tries first if it has credentials."""
        accounts = self.server.service.accounts
        credentials = basic(self.headers.get("authorization"))
        if self.command == "POST":
            form = dict(parse_qsl(b"".join(self.body()).decode(errors="replace")))
            credentials = (form.get("username", ""), form.get("password", ""))
        try:
            identity = accounts.check(*credentials) if credentials is not None else None
        except WrongPasswordError:
            self.send_json(HTTPStatus.UNAUTHORIZED, {"details": "incorrect username or password"})
            return
        token = accounts.issue(identity)
        self.send_json(
            HTTPStatus.OK, {"token": token, "access_token": token, "expires_in": TOKEN_SECONDS, "scope": self._scope()}
        )

    def _scope(self) -> str:
        return " ".join(parse_qs(urlsplit(self.path).query).get("scope", []))

    # --- registry ----------------------------------------------------------------------------------------------------

    def _registry(self, path: str) -> None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        accounts = self.server.service.accounts
        if scheme.lower() != "bearer" or not accounts.knows(token):
            self._challenge(path)
            return
        identity = accounts.identity(token, peer=str(self.client_address[0]))
        manifest = _MANIFEST.fullmatch(path)
        if self.command not in ("GET", "HEAD"):
            if identity.kind != "user":
                self._challenge(path, "insufficient_scope")
                return
            self.forward(self.server.service.registry)
        elif manifest is not None:
            self._manifest(manifest["name"], manifest["reference"], identity)
        else:
            self.forward(self.server.service.registry)

    def _challenge(self, path: str, error: str = "") -> None:
        """Ask for a token. Docker Hub says the same of an image that does not exist: it may be a private one."""
        match = _REPOSITORY.fullmatch(path)
        action = "pull" if self.command in ("GET", "HEAD") else "push,pull"
        scope = f',scope="repository:{match["name"]}:{action}"' if match is not None else ""
        words = f'Bearer realm="https://{AUTH_HOST}/token",service="{SERVICE}"{scope}'
        words += f',error="{error}"' if error else ""
        # a body that nobody reads would be taken for the next request
        self.close_connection = self.command not in ("GET", "HEAD")
        self.send_error_code(
            HTTPStatus.UNAUTHORIZED,
            "UNAUTHORIZED",
            "authentication required",
            headers={"WWW-Authenticate": words, "Docker-Distribution-Api-Version": "registry/2.0"},
        )

    def _upstream(self, host: str, path: str) -> None:
        """Another registry, for clients without a log-in, to read."""
        if self.command not in ("GET", "HEAD"):
            self.close_connection = True
            self.send_error_code(HTTPStatus.METHOD_NOT_ALLOWED, "UNSUPPORTED", f"nothing can be pushed to {host} here")
            return
        if path in ("/v2", "/v2/"):
            self.send_json(HTTPStatus.OK, {}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})
            return
        self.path = self.path.replace("/v2/", f"/v2/{host}/", 1)
        manifest = _MANIFEST.fullmatch(urlsplit(self.path).path)
        if manifest is None:
            self.forward(self.server.service.registry)
            return
        identity = Identity("address", str(self.client_address[0]))
        counter = self.server.service.upstream
        entry = self._entry(manifest["name"], manifest["reference"], identity)
        if counter.begin(entry, identity):
            self._hand_out(entry, identity, counter)
        else:
            counter.finish(entry, identity, status=HTTPStatus.TOO_MANY_REQUESTS)
            self.send_error_code(HTTPStatus.TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "Rate exceeded")

    def _entry(self, name: str, reference: str, identity: Identity) -> Entry:
        return Entry(
            method=self.command,
            host=self.headers.get("host", ""),
            identity=str(identity),
            repository=name,
            reference=reference,
            client=self.headers.get("user-agent", ""),
        )

    def _manifest(self, name: str, reference: str, identity: Identity) -> None:
        service = self.server.service
        entry = self._entry(name, reference, identity)
        failure = service.outage.next()
        if failure is not None:
            self._fail(failure, entry, identity)
            return
        if not service.counter.begin(entry, identity):
            service.counter.finish(entry, identity, status=HTTPStatus.TOO_MANY_REQUESTS)
            self._too_many(identity)
            return
        self._hand_out(entry, identity, service.counter)

    def _hand_out(self, entry: Entry, identity: Identity, counter: Counter) -> None:
        """Answer with the manifest, and tell the counter how that ended."""
        service = self.server.service
        status = 0
        try:
            service.publisher.ensure(entry.repository, entry.reference)
            with service.registry.connection() as connection:
                answer = self.ask(connection)
                status = answer.status
                if status == HTTPStatus.OK and self.command == "GET":
                    content = answer.read()
                    # before the answer: with it the client knows the manifests that it may ask for next
                    counter.finish(entry, identity, status=status, manifests=_children(content))
                    self._send_manifest(answer, content, self._limit_headers(identity, counter))
                elif status == HTTPStatus.NOT_FOUND and counter is service.upstream:
                    text = f"{entry.repository}:{entry.reference} {_NOT_LISTED}"
                    self.send_error_code(status, "MANIFEST_UNKNOWN", text)
                elif status == HTTPStatus.NOT_FOUND and not self._repository_exists(entry.repository):
                    status = HTTPStatus.UNAUTHORIZED
                    self._challenge(urlsplit(self.path).path, "insufficient_scope")
                else:
                    self.pass_back(answer, headers=self._limit_headers(identity, counter))
        finally:
            if entry.status == 0:
                counter.finish(entry, identity, status=status or HTTPStatus.SERVICE_UNAVAILABLE)

    def _send_manifest(self, answer: http.client.HTTPResponse, content: bytes, more: Mapping[str, str]) -> None:
        self.send_response(answer.status)
        for header in ("Content-Type", "Docker-Content-Digest", "Docker-Distribution-Api-Version", "Etag"):
            if (text := answer.getheader(header)) is not None:
                self.send_header(header, text)
        for header, text in more.items():
            self.send_header(header, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _repository_exists(self, name: str) -> bool:
        with self.server.service.registry.connection() as connection:
            connection.request("GET", f"/v2/{name}/tags/list")
            return connection.getresponse().status == HTTPStatus.OK

    def _limit_headers(self, identity: Identity, counter: Counter) -> dict[str, str]:
        """What Docker Hub says of the limit; nothing to a paid account, and other registries say nothing to anybody."""
        if counter is not self.server.service.counter:
            return {}
        allowance = counter.allowance(identity)
        return {} if allowance.limit is None else _limit_headers(allowance, identity)

    def _too_many(self, identity: Identity, retry_after: int | None = None) -> None:
        if identity.kind == "user":
            text = (
                f"You have reached your pull rate limit as '{identity.name}'. "
                f"You may increase the limit by upgrading. {_INCREASE}"
            )
        else:
            text = f"You have reached your unauthenticated pull rate limit. {_INCREASE}"
        headers = self._limit_headers(identity, self.server.service.counter)
        if retry_after is not None:
            headers["retry-after"] = str(retry_after)
        self.send_error_code(HTTPStatus.TOO_MANY_REQUESTS, "TOOMANYREQUESTS", text, headers=headers)

    def _fail(self, failure: Failure, entry: Entry, identity: Identity) -> None:
        self.server.service.counter.begin(entry, identity)
        self.server.service.counter.finish(entry, identity, status=failure.status)
        if failure.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._too_many(identity, failure.retry_after)
            return
        headers = {"retry-after": str(failure.retry_after)} if failure.retry_after is not None else None
        self.send_error_code(failure.status, "UNAVAILABLE", HTTPStatus(failure.status).phrase, headers=headers)


def _limit_headers(allowance: Allowance, identity: Identity) -> dict[str, str]:
    window = f"w={allowance.window:.0f}"
    return {
        "ratelimit-limit": f"{allowance.limit};{window}",
        "ratelimit-remaining": f"{allowance.remaining};{window}",
        "docker-ratelimit-source": identity.name,
    }


def _children(content: bytes) -> frozenset[str]:
    """Digests of the manifests that an index names; empty for the manifest of one architecture."""
    return frozenset(str(part["digest"]) for part in json.loads(content).get("manifests", ()))

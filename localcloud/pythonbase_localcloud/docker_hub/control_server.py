"""The control socket's server: counts, settings, outages, images. Whoever may open the file may do all of it."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from pythonbase_localcloud.docker_hub.http_messages import Messages
from pythonbase_localcloud.docker_hub.limits import Entry, Identity
from pythonbase_localcloud.docker_hub.registry import RegistryError
from pythonbase_localcloud.docker_hub.service import Failure, Service


class ControlServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """HTTP on a Unix socket."""

    daemon_threads = True

    def __init__(self, path: Path, service: Service) -> None:
        self.service = service
        path.unlink(missing_ok=True)
        super().__init__(os.fspath(path), _Handler)

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(Messages, BaseHTTPRequestHandler):
    server: ControlServer

    def address_string(self) -> str:
        """A Unix socket has no address."""
        return "control"

    def do_GET(self) -> None:
        service = self.server.service
        if self.path == "/state":
            self.send_json(HTTPStatus.OK, self._state())
        elif self.path == "/requests":
            self.send_json(HTTPStatus.OK, [asdict(entry) for entry in service.counter.entries()])
        else:
            self.send_error_code(HTTPStatus.NOT_FOUND, "UNSUPPORTED", self.path)

    def do_POST(self) -> None:
        values = json.loads(b"".join(self.body()) or b"{}")
        service = self.server.service
        try:
            if self.path == "/settings":
                self._set(values)
            elif self.path == "/reset":
                service.counter.reset()
                service.upstream.reset()
            elif self.path == "/outage":
                service.outage.begin(Failure(values["status"], values.get("retry_after")), values.get("requests"))
            elif self.path == "/recovery":
                service.outage.end()
            elif self.path == "/publish":
                digest = service.publisher.publish(
                    values["repository"], values["tag"], change=values["change"], small=values["small"]
                )
                self.send_json(HTTPStatus.OK, {"digest": digest})
                return
            else:
                self.send_error_code(HTTPStatus.NOT_FOUND, "UNSUPPORTED", self.path)
                return
        except (RegistryError, OSError) as error:
            self.send_error_code(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", str(error))
            return
        self.send_json(HTTPStatus.OK, self._state())

    def _set(self, values: Mapping[str, Any]) -> None:
        service = self.server.service
        limits = service.counter.limits
        for name in ("anonymous", "user", "window"):
            if name in values:
                setattr(limits, name, values[name])
        if "upstream" in values:
            service.upstream.limits.anonymous = values["upstream"]
        if "address" in values:
            service.accounts.address = values["address"]
        for name, account in values.get("accounts", {}).items():
            service.accounts.add(name, account["password"])
            if "limit" in account:
                limits.users[name] = account["limit"]

    def _state(self) -> Mapping[str, Any]:
        counter = self.server.service.counter
        entries = counter.entries()
        identities = {}
        for text, pulls in counter.counts().items():
            kind, _, name = text.partition(":")
            allowance = counter.allowance(Identity(kind, name))
            identities[text] = {"pulls": pulls, "limit": allowance.limit, "remaining": allowance.remaining}
        return {
            **_totals(entries),
            "identities": identities,
            "limits": asdict(counter.limits),
            "upstream": _totals(self.server.service.upstream.entries()),
            "stands_in": self.server.service.stands_in,
        }


def _totals(entries: Sequence[Entry]) -> dict[str, int]:
    return {
        "pulls": sum(entry.counted for entry in entries),
        "refused": sum(entry.status == HTTPStatus.TOO_MANY_REQUESTS for entry in entries),
        "requests": len(entries),
    }

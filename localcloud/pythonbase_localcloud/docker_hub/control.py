"""The way to the stand-in for Docker Hub from outside the box."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pythonbase_localcloud.docker_hub.limits import Entry as Request
from pythonbase_localcloud.docker_hub.names import SOCKET
from pythonbase_localcloud.images.upstream import Reference
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError

__all__ = ["Control", "ControlError", "Request", "control", "control_socket"]

_TIMEOUT_SECONDS = 120.0


class ControlError(LocalCloudError):
    """The stand-in does not run, or refuses what it is asked."""


def control_socket(instance: Instance) -> Path:
    """Where the stand-in of a running instance takes orders."""
    return (instance.run_alias or instance.run) / SOCKET


def control(instance: Instance) -> Control:
    """The stand-in of a running instance. `Control.runs()` says whether there is one."""
    return Control(control_socket(instance))


@dataclass(frozen=True)
class Control:
    """Orders to the stand-in; every method but `runs` raises `ControlError` if it does not run."""

    path: Path

    def runs(self) -> bool:
        """Whether Docker Hub is stood in for."""
        try:
            self.state()
        except ControlError:
            return False
        return True

    def pulls(self) -> int:
        """How many pulls were counted since the last `reset`, of everybody together."""
        return int(self.state()["pulls"])

    def state(self) -> Mapping[str, Any]:
        """`pulls`, `refused` (429), `requests`, `limits`, `identities` with what each has left, `ecr_public`."""
        state: Mapping[str, Any] = self._call("GET", "/state")
        return state

    def requests(self) -> list[Request]:
        """Every request for a manifest since the last `reset`, oldest first."""
        return [Request(**values) for values in self._call("GET", "/requests")]

    def set(self, *, anonymous: int | None = None, user: int | None = None, window: float | None = None) -> None:
        """Change limits: pulls of an address, pulls of an account, and the window in seconds. None: as it is."""
        values = {"anonymous": anonymous, "user": user, "window": window}
        self._call("POST", "/settings", {name: value for name, value in values.items() if value is not None})

    def account(self, name: str, password: str, *, limit: int | None) -> None:
        """Add an account with a limit of its own; None is a paid one, which is not limited."""
        self._call("POST", "/settings", {"accounts": {name: {"password": password, "limit": limit}}})

    def come_from(self, address: str | None) -> None:
        """Count requests without an account for this address from now on; None: for the one they come from.

        Everything in the box shares one address, as the hosts of a company or of CodeBuild do.
        """
        self._call("POST", "/settings", {"address": address})

    def reset(self) -> None:
        """Forget all requests: everybody has all pulls again."""
        self._call("POST", "/reset")

    def fail(self, status: int = HTTPStatus.TOO_MANY_REQUESTS, *, requests: int | None = None) -> None:
        """Answer requests for manifests with this status: the next `requests`, or (None) all until `recover`."""
        self._call("POST", "/outage", {"status": int(status), "requests": requests})

    def recover(self) -> None:
        """End what `fail` began."""
        self._call("POST", "/recovery")

    def publish(self, image: str, *, change: str, small: bool = False) -> str:
        """Publish another version of an image under its tag, for amd64 and arm64; returns the index's digest.

        `image` is a reference such as `python:3.13-slim`. `change` is what makes this version another one: a label.
        python gets the file system that all stand-ins for it have, any other image a tiny one; so does python with
        `small`, for whoever counts pulls and does not run the image.
        """
        reference = Reference.parse(image)
        values = {"repository": reference.name, "tag": reference.version, "change": change, "small": small}
        return str(self._call("POST", "/publish", values)["digest"])

    def _call(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("docker-hub", timeout=_TIMEOUT_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(_TIMEOUT_SECONDS)
        try:
            connection.sock.connect(str(self.path))
            connection.request(method, path, body=json.dumps(values or {}) if method == "POST" else None)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except OSError as error:
            raise ControlError(f"Docker Hub is not stood in for by this instance: {error}") from None
        finally:
            connection.close()
        if answer.status != HTTPStatus.OK:
            raise ControlError(f"{path}: {content['errors'][0]['message']}")
        return content

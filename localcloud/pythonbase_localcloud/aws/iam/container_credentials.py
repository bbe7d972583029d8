"""The endpoint that gives a build its role's credentials (AWS_CONTAINER_CREDENTIALS_FULL_URI).

So the keys are not in the build's environment, where a build log would show them, and they are renewed.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pythonbase_localcloud.aws.iam.credentials import Credentials

_PATH = "/credentials/"
_providers: dict[str, Callable[[], Credentials]] = {}
_listener: list[socket.socket] = []


def listen() -> int:
    """Open the plain HTTP listener on a free loopback port of the box; return the file descriptor for the server."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    _listener.append(listener)
    return listener.fileno()


def offer(provider: Callable[[], Credentials]) -> tuple[str, dict[str, str]]:
    """Offer credentials; return an id for `withdraw` and the environment variables that make SDKs find them."""
    token = secrets.token_urlsafe(32)
    _providers[token] = provider
    port = _listener[0].getsockname()[1]
    return token, {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{port}{_PATH}{secrets.token_hex(4)}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
    }


def withdraw(token: str) -> None:
    """Stop offering."""
    _providers.pop(token, None)


def respond(path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
    """The answer to an SDK."""
    provider = _providers.get(headers.get("authorization", ""))
    if provider is None or not path.startswith(_PATH):
        return 404, {"message": "no credentials here"}
    credentials = provider()
    expiration = datetime.fromtimestamp(credentials.expiration or time.time() + 3600, tz=UTC)
    return 200, {
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_access_key,
        "Token": credentials.session_token,
        "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }

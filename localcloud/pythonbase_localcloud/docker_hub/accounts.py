"""Accounts and the tokens that stand for them: who a request comes from."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading

from pythonbase_localcloud.docker_hub.limits import Identity
from pythonbase_localcloud.docker_hub.names import PASSWORD, USER

TOKEN_SECONDS = 300
"""How long Docker Hub's tokens last."""


class WrongPasswordError(Exception):
    """The account does not exist or has another password."""


class Accounts:
    """Passwords by account, and the tokens that were issued. Tokens are opaque; Docker's clients do not read them."""

    def __init__(self) -> None:
        self._passwords = {USER: PASSWORD}
        self._tokens: dict[str, Identity | None] = {}
        self._lock = threading.Lock()
        self.address: str | None = None
        """What every anonymous request counts for, instead of its own address; None for its own."""

    def add(self, name: str, password: str) -> None:
        """Add an account, or change its password."""
        with self._lock:
            self._passwords[name] = password

    def check(self, name: str, password: str) -> Identity:
        """The account's identity. Raises `WrongPasswordError`."""
        with self._lock:
            expected = self._passwords.get(name)
        if expected is None or not secrets.compare_digest(expected.encode(), password.encode()):
            raise WrongPasswordError(name)
        return Identity("user", name)

    def issue(self, identity: Identity | None) -> str:
        """A token for an account, or for nobody."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[token] = identity
        return token

    def knows(self, token: str) -> bool:
        """Whether the token was issued here."""
        with self._lock:
            return token in self._tokens

    def identity(self, token: str, *, peer: str) -> Identity:
        """Who a token stands for; nobody's is the address that the request comes from."""
        with self._lock:
            return self._tokens.get(token) or Identity("address", self.address or peer)


def basic(header: str | None) -> tuple[str, str] | None:
    """User and password of an `Authorization: Basic` header; None if it is not one."""
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user, password

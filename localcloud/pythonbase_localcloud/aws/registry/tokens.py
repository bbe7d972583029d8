"""Authorization tokens of the registry: each stands for the principal that asked for it."""

from __future__ import annotations

import base64
import contextvars
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pythonbase_localcloud.aws import json_service, scope, seams
from pythonbase_localcloud.box.hosts import ecr_name

_SECONDS = 12 * 3600
_access_key: contextvars.ContextVar[str] = contextvars.ContextVar("ecr_access_key", default="")


@dataclass(frozen=True, kw_only=True)
class Token:
    """Who may use the registry with a password, and until when (seconds since the epoch)."""

    access_key_id: str
    account: str
    region: str
    expires: float


class Tokens:
    """The tokens issued since the server started; a restart makes clients log in again."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def issue(self, access_key_id: str) -> tuple[str, Token]:
        """A password for the owner of the access key, in the current account and region."""
        now = time.time()
        self._tokens = {key: token for key, token in self._tokens.items() if token.expires > now}
        password = secrets.token_urlsafe(64)
        token = Token(
            access_key_id=access_key_id, account=scope.account(), region=scope.region(), expires=now + _SECONDS
        )
        self._tokens[password] = token
        return password, token

    def find(self, authorization: str) -> Token | None:
        """The token of an ``Authorization: Basic`` header, None when there is none or it has expired."""
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return None
        token = self._tokens.get(password)
        return token if user == "AWS" and token and token.expires > time.time() else None

    def install(self) -> None:
        """Answer GetAuthorizationToken; the caller's key is remembered around MiniStack's handler."""
        handler = seams.app.SERVICE_HANDLERS["ecr"]

        async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
            reset = _access_key.set(str(seams.router.extract_access_key_id(headers, query) or ""))
            try:
                return await handler(method, path, headers, body, query)
            finally:
                _access_key.reset(reset)

        def get_authorization_token(members: Mapping[str, Any]) -> json_service.Response:
            del members
            password, token = self.issue(_access_key.get())
            return json_service.json_response(
                {
                    "authorizationData": [
                        {
                            "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                            "expiresAt": token.expires,
                            "proxyEndpoint": f"https://{ecr_name(token.account, token.region)}",
                        }
                    ]
                }
            )

        seams.app.SERVICE_HANDLERS["ecr"] = handle
        seams.ecr._get_authorization_token = get_authorization_token

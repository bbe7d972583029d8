"""The ASGI application in front of MiniStack: the registry, the local cloud's own paths, then MiniStack."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from pythonbase_localcloud.hosts import BITBUCKET_API

from . import container_credentials, seams, state, store
from .bitbucket.api import Api as BitbucketApi
from .registry.protocol import Receive, Registry, Send

log = logging.getLogger("localcloud")

_OUTAGE = "/_localcloud/bitbucket/outage"
_AUTHORIZE = re.compile(r"/_localcloud/connections/(?P<arn>.+)/authorize")


class Gateway:
    """Routes requests; runs start-up and shutdown work around MiniStack's own."""

    def __init__(
        self,
        *,
        registry: Registry,
        bitbucket: BitbucketApi,
        authorize_connection: Callable[[str], Mapping[str, Any]],
        started: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._bitbucket = bitbucket
        self._authorize_connection = authorize_connection
        self._started = started

    async def __call__(self, request: dict[str, Any], receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        kind = request["type"]
        if kind == "lifespan":
            await seams.app.app(request, receive, self._starting(send))
            return
        path = str(request.get("path", ""))
        if request.get("method") not in ("GET", "HEAD"):
            state.changed()
        if kind == "http" and request.get("scheme") == "http":
            # The plain listener exists for the SDKs' container credentials, which do not know our CA.
            await _answer(send, *container_credentials.respond(path, _headers(request)))
        elif kind == "http" and _headers(request).get("host", "").partition(":")[0] == BITBUCKET_API:
            body = await _body(receive)
            # In a thread: what happens in a repository starts pipelines, which asks Git and this gateway.
            answer = await asyncio.to_thread(
                self._bitbucket.respond, str(request["method"]), path, _headers(request), body
            )
            await _answer(send, *answer)
        elif kind == "http" and self._registry.serves(path):
            await self._registry(request, receive, send)
        elif kind == "http" and path.startswith("/_localcloud/"):
            await _answer(send, *self._own(request, path, await _body(receive)))
        else:
            await seams.app.app(request, receive, send)

    def _starting(self, send: Send) -> Send:
        async def wrapped(message: Mapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                # MiniStack has loaded its state: load ours, then start what acts on it.
                store.load()
                self._started()
            await send(message)

        return wrapped

    def _own(self, request: Mapping[str, Any], path: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
        headers = _headers(request)
        match = _AUTHORIZE.fullmatch(unquote(path))
        if request["method"] != "POST" or (match is None and path != _OUTAGE):
            return 404, {"message": f"the local cloud does not know {path}"}
        key = headers.get("x-localcloud-access-key", "")
        secret = headers.get("x-localcloud-secret", "")
        credential: Any = seams.iam_evaluator.resolve_credential(key, key) if key else None
        if getattr(credential, "principal_type", "") != "Root" or secret != credential.secret_access_key:
            return 403, {"message": "only root may do this: on AWS a person does it in a console, or nobody can"}
        if match is None:
            values = json.loads(body or b"{}")
            self._bitbucket.outage.begin(int(values["status"]), int(values["requests"]))
            return 200, values
        try:
            return 200, self._authorize_connection(match["arn"])
        except KeyError:
            return 404, {"message": f"there is no connection {match['arn']}"}


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _headers(request: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode().lower(): value.decode("latin-1") for name, value in request["headers"]}


async def _answer(send: Callable[[Mapping[str, Any]], Awaitable[None]], status: int, body: Mapping[str, Any]) -> None:
    content = json.dumps(body).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": content})

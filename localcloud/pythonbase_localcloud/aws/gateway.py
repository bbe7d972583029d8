"""The ASGI application in front of MiniStack: Bitbucket's API, the registry, the controls, then MiniStack."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from pythonbase_localcloud.aws.iam import container_credentials
from pythonbase_localcloud.box.hosts import BITBUCKET_API

from . import seams, state, store
from .controls import PREFIX, Controls
from .registry.protocol import Receive, Registry, Send

log = logging.getLogger("localcloud")


class Gateway:
    """Routes requests; runs start-up and shutdown work around MiniStack's own."""

    def __init__(self, *, registry: Registry, controls: Controls, started: Callable[[], None]) -> None:
        self._registry = registry
        self._controls = controls
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
                self._controls.bitbucket.respond, str(request["method"]), path, _headers(request), body
            )
            await _answer(send, *answer)
        elif kind == "http" and self._registry.serves(path):
            await self._registry(request, receive, send)
        elif kind == "http" and path.startswith(PREFIX):
            headers, query = _headers(request), request.get("query_string", b"")
            body = await _body(receive)
            # In a thread too: a control may have to wait for what happens in a repository.
            answer = await asyncio.to_thread(
                self._controls.respond, str(request["method"]), unquote(path), headers, query, body
            )
            await _answer(send, *answer)
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


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body") or b"")
        if not message.get("more_body"):
            return b"".join(parts)


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

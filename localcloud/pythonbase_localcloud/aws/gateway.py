"""The ASGI application in front of MiniStack: the registry, the local cloud's own paths, then MiniStack."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from . import container_credentials, event_targets, faults, scope, seams, state, store
from .registry.protocol import Receive, Registry, Send

log = logging.getLogger("localcloud")

_AUTHORIZE = re.compile(r"/_localcloud/connections/(?P<arn>.+)/authorize")
_FAULTS = "/_localcloud/faults"
_RUN_SCHEDULE = "/_localcloud/schedules/run"
_CRASH = "/_localcloud/crash"
_OWN_PATHS = (_FAULTS, _RUN_SCHEDULE, _CRASH)


class Gateway:
    """Routes requests; runs start-up and shutdown work around MiniStack's own."""

    def __init__(
        self,
        *,
        registry: Registry,
        authorize_connection: Callable[[str], Mapping[str, Any]],
        started: Callable[[], None],
    ) -> None:
        self._registry = registry
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
        elif kind == "http" and self._registry.serves(path):
            await self._registry(request, receive, send)
        elif kind == "http" and path.startswith("/_localcloud/"):
            await _answer(send, *await self._own(request, path, receive))
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

    async def _own(self, request: Mapping[str, Any], path: str, receive: Receive) -> tuple[int, Mapping[str, Any]]:
        headers = _headers(request)
        method, path = str(request["method"]), unquote(path)
        match = _AUTHORIZE.fullmatch(path)
        if (match is None and path not in _OWN_PATHS) or (method != "POST" and path != _FAULTS):
            return 404, {"message": f"the local cloud does not know {path}"}
        key = headers.get("x-localcloud-access-key", "")
        secret = headers.get("x-localcloud-secret", "")
        credential: Any = seams.iam_evaluator.resolve_credential(key, key) if key else None
        if getattr(credential, "principal_type", "") != "Root" or secret != credential.secret_access_key:
            return 403, {"message": "only root may do this: on AWS, a person does it in the console, or nobody"}
        if match is None:
            values = json.loads(await _body(receive) or b"{}")
            if path == _CRASH:
                _crash(durable=bool(values.get("durable")))
            return _answer_fault(method, values) if path == _FAULTS else _run_schedule(key, values)
        try:
            return 200, self._authorize_connection(match["arn"])
        except KeyError:
            return 404, {"message": f"there is no connection {match['arn']}"}


def _answer_fault(method: str, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    if method == "GET":
        return 200, faults.state()
    if method == "DELETE":
        faults.clear()
        return 200, {}
    try:
        return 200, faults.order(values)
    except faults.FaultRequestError as error:
        return 400, {"message": str(error)}


def _crash(*, durable: bool) -> None:
    if durable:
        state.save()
    os.kill(os.getpid(), signal.SIGKILL)


def _run_schedule(account: str, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    region = str(values.get("region") or scope.region())
    try:
        event_targets.run_schedule(account, region, str(values.get("group")), str(values.get("schedule")))
    except KeyError:
        return 404, {"message": f"there is no schedule {values.get('schedule')} in group {values.get('group')}"}
    return 200, {}


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

"""The ASGI application in front of MiniStack: the registry, the local cloud's own paths, then MiniStack."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from . import container_credentials, event_targets, faults, scope, seams, state, store
from .json_service import ApiError
from .registry.expiration import LifecyclePolicies
from .registry.protocol import Receive, Registry, Send

log = logging.getLogger("localcloud")

_AUTHORIZE = re.compile(r"/_localcloud/connections/(?P<arn>.+)/authorize")
_FAULTS = "/_localcloud/faults"
_RUN_SCHEDULE = "/_localcloud/schedules/run"
_CRASH = "/_localcloud/crash"
_OWN_PATHS = (_FAULTS, _RUN_SCHEDULE, _CRASH)
_EXPIRE = re.compile(r"/_localcloud/repositories/(?P<name>.+)/expire")


class Gateway:
    """Routes requests; runs start-up and shutdown work around MiniStack's own."""

    def __init__(
        self,
        *,
        registry: Registry,
        lifecycle_policies: LifecyclePolicies,
        authorize_connection: Callable[[str], Mapping[str, Any]],
        started: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._lifecycle_policies = lifecycle_policies
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
        """What a person does in the console, or time and bad luck do: only for root."""
        method, path = str(request["method"]), unquote(path)
        authorize, expire = _AUTHORIZE.fullmatch(path), _EXPIRE.fullmatch(path)
        known = authorize or expire or path in _OWN_PATHS
        if not known or (method != "POST" and path != _FAULTS):
            return 404, {"message": f"the local cloud does not know {path}"}
        headers = _headers(request)
        key = headers.get("x-localcloud-access-key", "")
        secret = headers.get("x-localcloud-secret", "")
        credential: Any = seams.iam_evaluator.resolve_credential(key, key) if key else None
        if getattr(credential, "principal_type", "") != "Root" or secret != credential.secret_access_key:
            return 403, {"message": "only root may do this: on AWS, a person does it in the console, or nobody"}
        if expire:
            return self._expire(expire["name"], account=credential.account_id, query=request.get("query_string", b""))
        if authorize is None:
            values = json.loads(await _body(receive) or b"{}")
            if path == _CRASH:
                _crash(durable=bool(values.get("durable")))
            return _answer_fault(method, values) if path == _FAULTS else _run_schedule(key, values)
        try:
            return 200, self._authorize_connection(authorize["arn"])
        except KeyError:
            return 404, {"message": f"there is no connection in {path}"}

    def _expire(self, name: str, *, account: str, query: bytes) -> tuple[int, Mapping[str, Any]]:
        values = parse_qs(query.decode())
        try:
            now, region = float(values["now"][0]), values["region"][0]
        except (KeyError, ValueError):
            return 400, {"message": "needs ?now=<seconds since the epoch>&region=<region>"}
        try:
            with scope.scoped(account, region):
                return 200, {"expired": self._lifecycle_policies.carry_out(name, now=now)}
        except ApiError as error:
            return error.status, {"message": error.message}


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

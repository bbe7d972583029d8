"""Registers a service with MiniStack that speaks AWS's JSON protocol."""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from . import seams

log = logging.getLogger("localcloud")

Request = dict[str, Any]
Operation = Callable[[Request], Mapping[str, Any]]
Response = tuple[int, dict[str, str], bytes]


_caller_key: contextvars.ContextVar[str] = contextvars.ContextVar("caller_key", default="")


def caller_key() -> str:
    """Access key id of the current request to a registered service."""
    return _caller_key.get()


class ApiError(Exception):
    """An error that the caller's SDK shows with its code."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def response(self) -> Response:
        """The error as the JSON protocol carries it."""
        return json_response({"__type": self.code, "message": self.message}, status=self.status)


def json_response(body: Mapping[str, Any], *, status: int = 200) -> Response:
    """A response in MiniStack's form."""
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()


def answer(operation: Operation, members: Request) -> Response:
    """Run and encode; an `ApiError` becomes an error response."""
    try:
        return json_response(operation(members))
    except ApiError as error:
        return error.response()


def call(operation: Operation, body: bytes) -> Response:
    """Decode, run, encode."""
    try:
        members = json.loads(body or b"{}")
    except json.JSONDecodeError:
        return ApiError("SerializationException", "the request is not JSON").response()
    return answer(operation, members)


def register(name: str, *, target_prefix: str, operations: Mapping[str, Operation]) -> None:
    """Add a service; `name` is also its IAM namespace.

    Operations run in worker threads, because they may call the gateway themselves.
    """

    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Response:
        del method, path
        _caller_key.set(str(seams.router.extract_access_key_id(headers, query) or ""))
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        operation = operations.get(action)
        if operation is None:
            return ApiError("InvalidAction", f"the local cloud does not know {name}:{action}").response()
        response: Response = await seams.concurrency.run_reentrant(
            call, operation, body, thread_name=f"localcloud-{name}"
        )
        return response

    seams.app.SERVICE_HANDLERS[name] = handle
    # First in the table: MiniStack takes the first prefix that matches.
    seams.router.SERVICE_PATTERNS[name] = {"target_prefixes": [target_prefix]}
    seams.iam_actions.SERVICE_TO_IAM_NAMESPACE[name] = name

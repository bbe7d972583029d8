"""Faults that tests inject: API calls that fail, are late or lose their answer; events that are lost, late or doubled.

Every way in passes here: requests of any SDK (and so Step Functions' SDK integrations, pipeline actions, builds and
functions), Step Functions' optimized integrations, the targets of rules and schedules, the registry protocol. Calls of
root are left alone: that is who injects and watches. Nothing is injected unless somebody asked for it
(`pythonbase_localcloud.controls.faults`), and nothing of it outlives the server.
"""

from __future__ import annotations

import asyncio
import fnmatch
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from . import scope, seams
from .json_service import Response

CALL_EFFECTS = ("fail", "lose", "delay")
EVENT_EFFECTS = ("drop", "duplicate", "delay")
_LOGGED = 10_000


class FaultRequestError(ValueError):
    """What was asked for is no fault."""


@dataclass(kw_only=True)
class Fault:
    """One order. `times` and `until` limit it; without both it lasts until it is cleared."""

    effect: str
    action: str = ""
    """IAM action of calls, with ``*`` and ``?``; empty for a fault of events."""
    role: str = "*"
    """Name of the role that calls, with ``*`` and ``?``."""
    source: str = ""
    detail_type: str = "*"
    error: str = ""
    message: str = ""
    status: int = 400
    delay: float = 0.0
    times: int | None = None
    until: float | None = None
    burst: float | None = None
    refill: float = 0.0
    """With a burst, only calls that find a bucket of so many tokens empty fail; it refills by so many a second."""
    injected: int = 0
    tokens: float = 0.0
    filled: float = 0.0
    id: str = field(default_factory=lambda: uuid4().hex[:8])

    def admits(self) -> bool:
        """Whether the call is let through, because there is a token for it."""
        if self.burst is None:
            return False
        now = time.monotonic()
        full = self.burst if not self.filled else self.tokens + (now - self.filled) * self.refill
        self.tokens, self.filled = min(self.burst, full), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def over(self) -> bool:
        """Whether nothing is left of it."""
        return self.times == 0 or (self.until is not None and time.monotonic() > self.until)


class _Faults:
    """What is ordered, and what was injected."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._log: list[dict[str, Any]] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._log.clear()

    def any(self) -> bool:
        return any(not fault.over() for fault in self._faults)

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {
                "faults": [{**asdict(fault), "over": fault.over(), "until": None} for fault in self._faults],
                "log": list(self._log),
            }

    def take_call(self, action: str, principal: str, effects: tuple[str, ...]) -> Fault | None:
        role = _role(principal)
        if role is None:
            return None
        return self._take(
            action,
            principal,
            lambda fault: (
                fault.effect in effects
                and fnmatch.fnmatchcase(action, fault.action)
                and fnmatch.fnmatchcase(role, fault.role)
                and not fault.admits()
            ),
        )

    def take_event(self, source: str, detail_type: str, effect: str) -> Fault | None:
        return self._take(
            f"{source}: {detail_type}",
            source,
            lambda fault: (
                fault.effect == effect
                and bool(fault.source)
                and fnmatch.fnmatchcase(source, fault.source)
                and fnmatch.fnmatchcase(detail_type, fault.detail_type)
            ),
        )

    def _take(self, what: str, by: str, matches: Any) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self._faults if not fault.over() and matches(fault)), None)
            if fault is None:
                return None
            fault.injected += 1
            if fault.times is not None:
                fault.times -= 1
            self._log.append(
                {"at": time.time(), "fault": fault.id, "what": what, "by": by, "effect": fault.error or fault.effect}
            )
            del self._log[:-_LOGGED]
            return fault


_faults = _Faults()


def _role(principal: str) -> str | None:
    """Name of the role behind an ARN; None for root, the empty text for another caller."""
    if principal.endswith(":root"):
        return None
    _, _, rest = principal.partition(":assumed-role/")
    return rest.split("/", 1)[0] or principal.rsplit("/", 1)[-1]


def order(request: Mapping[str, Any]) -> dict[str, Any]:
    """Take an order from the control; raises `FaultRequestError`."""
    values = dict(request)
    seconds = values.pop("seconds", None)
    try:
        fault = Fault(**values)
    except TypeError as error:
        raise FaultRequestError(str(error)) from error
    if bool(fault.action) == bool(fault.source):
        raise FaultRequestError("a fault needs an action or the source of events")
    allowed = CALL_EFFECTS if fault.action else EVENT_EFFECTS
    if fault.effect not in allowed:
        raise FaultRequestError(f"the effect must be one of {', '.join(allowed)}, got {fault.effect}")
    if fault.effect == "fail" and not fault.error:
        raise FaultRequestError("a call fails with an error")
    fault.until = time.monotonic() + float(seconds) if seconds is not None else None
    _faults.add(fault)
    return {"id": fault.id}


def clear() -> None:
    """Forget every order and what was injected."""
    _faults.clear()


def state() -> dict[str, Any]:
    """The orders, and what was injected, oldest first."""
    return _faults.state()


# ---------------------------------------------------------------- calls


def failing(action: str, principal: str) -> Fault | None:
    """The failure that this call is to meet, after its delay if it has one. For callers that may block."""
    if not _faults.any():
        return None
    late = _faults.take_call(action, principal, ("delay",))
    if late:
        time.sleep(late.delay)
    return _faults.take_call(action, principal, ("fail",))


async def failing_async(action: str, principal: str) -> Fault | None:
    """As `failing`, on the event loop."""
    if not _faults.any():
        return None
    late = _faults.take_call(action, principal, ("delay",))
    if late:
        await asyncio.sleep(late.delay)
    return _faults.take_call(action, principal, ("fail",))


def _faulty(service: str, handler: Any) -> Any:
    async def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Response:
        if not _faults.any():
            plain: Response = await handler(method, path, headers, body, query)
            return plain
        action = seams.iam_actions.extract_iam_action(service, method, path, headers, body, query) or ""
        principal = str(seams.iam_evaluator.caller_arn())
        fault = await failing_async(action, principal)
        if fault is None:
            response: Response = await handler(method, path, headers, body, query)
            fault = _faults.take_call(action, principal, ("lose",))
            if fault is None:
                return response
        return _response(service, fault, headers)

    return handle


def _response(service: str, fault: Fault, headers: Mapping[str, str]) -> Response:
    """The error in the service's protocol."""
    response: Response = seams.iam_actions.access_denied_response(
        service, "", "", uuid4().hex, error_code=fault.error, message=fault.message, headers=dict(headers)
    )
    return fault.status, response[1], response[2]


# ---------------------------------------------------------------- events


def _install_events() -> None:
    bridge = seams.eventbridge
    dispatch = bridge._dispatch_event

    def later(seconds: float, event: Any, view: Any) -> None:
        time.sleep(seconds)
        dispatch(event, view)

    def dispatch_event(event: Any, view: Any = None) -> None:
        if _faults.any():
            names = str(event.get("Source")), str(event.get("DetailType"))
            if _faults.take_event(*names, "drop"):
                return
            if _faults.take_event(*names, "duplicate"):
                dispatch(event, view)
            late = _faults.take_event(*names, "delay")
            if late:
                scope.spawn(later, late.delay, event, view, name="late-event")
                return
        dispatch(event, view)

    bridge._dispatch_event = dispatch_event


def install() -> None:
    """Wrap every handler: call it when all services are registered."""
    handlers = seams.app.SERVICE_HANDLERS
    for service in list(handlers):
        handlers[service] = _faulty(service, handlers[service])
    _install_events()

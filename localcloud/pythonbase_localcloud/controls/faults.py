"""Faults in the embedded AWS, for tests: what fails, how often, and what was injected.

    from pythonbase_localcloud.controls import faults
    from pythonbase_localcloud.instance import find

    control = faults.control(find())
    control.fail("ecs:UpdateService", error="ThrottlingException", times=3)

Calls are named as IAM names them (``ssm:PutParameter``, ``ecs:*``). Calls of root are never touched. A fault lasts for
`times` calls, for `seconds` of real time, or until `clear`; orders do not outlive the server.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pythonbase_localcloud.instance import DEFAULT_ACCOUNT, SECRET_ACCESS_KEY, Instance
from pythonbase_localcloud.machine.commands import LocalCloudError

__all__ = ["Control", "Fault", "FaultsError", "Injection", "control"]

_TIMEOUT_SECONDS = 30.0
_STATUS_BY_WORD = {"Internal": 500, "ServerException": 500, "ServerError": 500, "Unavailable": 503}
"""Words in the names of errors that AWS's services answer with another status than 400."""
_MESSAGES = {"ThrottlingException": "Rate exceeded", "Throttling": "Rate exceeded"}


class FaultsError(LocalCloudError):
    """The server does not run, or refuses the order."""


@dataclass(frozen=True, kw_only=True)
class Injection:
    """One fault that somebody met."""

    at: float
    """Seconds since the epoch."""
    fault: str
    what: str
    """The call's IAM action, or ``source: detail type`` of an event."""
    by: str
    """ARN of the caller, or the event's source."""
    effect: str
    """The error's name, or what happened: `delay`, `lose`, `drop`, `duplicate`."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One order and how often it was met."""

    id: str
    effect: str
    what: str
    injected: int
    over: bool


def control(instance: Instance, *, account: str = DEFAULT_ACCOUNT) -> Control:
    """The faults of a running instance."""
    return Control(instance, account)


_ECS_BUCKETS = (
    ("ecs:*Services", 100, 20),  # DescribeServices and ListServices share one
    ("ecs:*Tasks", 100, 20),
    ("ecs:DescribeTaskDefinition", 50, 20),
    ("ecs:RegisterTaskDefinition", 20, 1),
    ("ecs:UpdateService", 50, 5),
)


@dataclass(frozen=True)
class Control:
    """Orders to the server. Every method raises `FaultsError` if it does not run or refuses."""

    instance: Instance
    account: str = DEFAULT_ACCOUNT

    def fail(
        self,
        action: str,
        *,
        error: str,
        message: str | None = None,
        status: int | None = None,
        times: int | None = None,
        seconds: float | None = None,
        role: str = "*",
    ) -> str:
        """Calls of `action` fail before they do anything; returns the order's id.

        `status` is the HTTP status; left out, it is 500, 503 or 400 by the error's name. `role` narrows it to roles of
        that name (``*`` and ``?`` match). SDKs retry throttling and 5xx by themselves: boto3 three times here.

        In the registry protocol the actions are ECR's, which a push meets in this order: `ecr:InitiateLayerUpload`,
        `ecr:UploadLayerPart`, `ecr:CompleteLayerUpload`, `ecr:PutImage`.
        """
        return self._order(
            effect="fail",
            action=action,
            error=error,
            message=message if message is not None else _MESSAGES.get(error, f"injected: {error}"),
            status=status or _status(error),
            times=times,
            seconds=seconds,
            role=role,
        )

    def limit_rates(self) -> None:
        """Refuse calls of ECS as its request buckets do, for all accounts and Regions of the instance together:
        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
        """
        for action, burst, refill in _ECS_BUCKETS:
            self._order(
                effect="fail",
                action=action,
                error="ThrottlingException",
                message="Rate exceeded",
                status=400,
                burst=burst,
                refill=refill,
            )

    def lose(
        self,
        action: str,
        *,
        error: str = "InternalServerError",
        times: int | None = None,
        seconds: float | None = None,
        role: str = "*",
    ) -> str:
        """Calls of `action` do what they do, and the caller is told that they failed. Not in the registry protocol."""
        return self._order(
            effect="lose",
            action=action,
            error=error,
            message=f"injected: {error}",
            status=_status(error),
            times=times,
            seconds=seconds,
            role=role,
        )

    def delay(
        self, action: str, *, by: float, times: int | None = None, seconds: float | None = None, role: str = "*"
    ) -> str:
        """Calls of `action` take `by` seconds longer."""
        return self._order(effect="delay", action=action, delay=by, times=times, seconds=seconds, role=role)

    def drop_events(
        self, source: str, detail_type: str = "*", *, times: int | None = None, seconds: float | None = None
    ) -> str:
        """Matching events reach no rule."""
        return self._order(effect="drop", source=source, detail_type=detail_type, times=times, seconds=seconds)

    def duplicate_events(
        self, source: str, detail_type: str = "*", *, times: int | None = None, seconds: float | None = None
    ) -> str:
        """Matching events are delivered twice, with the same id."""
        return self._order(effect="duplicate", source=source, detail_type=detail_type, times=times, seconds=seconds)

    def delay_events(
        self,
        source: str,
        detail_type: str = "*",
        *,
        by: float,
        times: int | None = None,
        seconds: float | None = None,
    ) -> str:
        """Matching events are delivered `by` seconds late."""
        return self._order(
            effect="delay", source=source, detail_type=detail_type, delay=by, times=times, seconds=seconds
        )

    def clear(self) -> None:
        """End all faults and forget the log."""
        self._call("DELETE", "faults")

    def log(self) -> list[Injection]:
        """What was injected since the last `clear`, oldest first."""
        return [Injection(**values) for values in self._call("GET", "faults")["log"]]

    def faults(self) -> list[Fault]:
        """The orders since the last `clear`, and how often each was met."""
        return [
            Fault(
                id=values["id"],
                effect=values["error"] or values["effect"],
                what=values["action"] or f"{values['source']}: {values['detail_type']}",
                injected=values["injected"],
                over=values["over"],
            )
            for values in self._call("GET", "faults")["faults"]
        ]

    def run_now(self, schedule: str, *, group: str = "default", region: str | None = None) -> None:
        """Let EventBridge Scheduler invoke the schedule's target at once, whatever its expression and state."""
        self._call("POST", "schedules/run", {"schedule": schedule, "group": group, "region": region})

    def crash(self, *, durable: bool = True) -> None:
        """Kill the AWS server, as a power cut would. `lifecycle.up` starts it again.

        `durable`: what was stored until now is, as in AWS. Without it, the last seconds may be lost.
        """
        try:
            self._call("POST", "crash", {"durable": durable})
        except FaultsError:
            return
        raise FaultsError("the AWS server answered instead of ending")

    @contextmanager
    def cleared(self) -> Iterator[Control]:
        """Begin and end without faults."""
        self.clear()
        try:
            yield self
        finally:
            self.clear()

    def _order(self, **values: Any) -> str:
        return str(self._call("POST", "faults", {k: v for k, v in values.items() if v is not None})["id"])

    def _call(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the endpoint is the instance's own, over HTTPS
            f"{self.instance.endpoint_url}/_localcloud/{path}",
            method=method,
            data=json.dumps(values).encode() if values is not None else None,
            headers={"x-localcloud-access-key": self.account, "x-localcloud-secret": SECRET_ACCESS_KEY},
        )
        try:
            trust = ssl.create_default_context(cafile=self.instance.ca_bundle)
            with urllib.request.urlopen(request, context=trust, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise FaultsError(json.loads(error.read())["message"]) from None
        except (OSError, http.client.HTTPException) as error:
            raise FaultsError(f"the AWS server of this instance does not answer: {error}") from None


def _status(error: str) -> int:
    return next((status for word, status in _STATUS_BY_WORD.items() if word in error), 400)

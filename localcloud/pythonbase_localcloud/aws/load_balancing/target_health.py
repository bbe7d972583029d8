"""Health checks of target groups; MiniStack reports every registered target as healthy at once."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pythonbase_localcloud.aws import seams

log = logging.getLogger("localcloud")

_TICK_SECONDS = 0.1
_STARTING_INTERVAL_SECONDS = 0.3
"""How often a target that has not answered yet is asked, so that a deployment does not wait a whole interval."""
_MINIMUM_INTERVAL_SECONDS = 0.5
_MINIMUM_TIMEOUT_SECONDS = 1.0
_MINIMUM_START_SECONDS = 8.0
"""Time scaling makes checks faster, not programs: a target gets this long to answer for the first time."""
_MAXIMUM_DRAIN_SECONDS = 10.0

Target = tuple[str, str, int]
"""Target group ARN, address, port."""


@dataclass
class TargetHealth:
    """What is known about one registered target."""

    since: float
    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    successes: int = 0
    failures: int = 0
    next_check: float = 0.0
    next_count: float = 0.0
    checking: bool = False
    in_flight: int = 0


class HealthChecks:
    """Checks every registered target of every account in the background."""

    def __init__(self, *, time_scale: float) -> None:
        self._time_scale = time_scale
        self._targets: dict[Target, TargetHealth] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="localcloud-health")
        self._listeners: list[Callable[[], None]] = []

    def on_tick(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every round of checks; the ECS scheduler looks at its tasks then."""
        self._listeners.append(listener)

    def scaled(self, seconds: float) -> float:
        """A waiting time of AWS in local time."""
        return seconds * self._time_scale

    def start(self) -> None:
        """Start the background thread."""
        threading.Thread(target=self._run, daemon=True, name="localcloud-health").start()

    def health(self, target: Target) -> TargetHealth:
        """What is known about a target; that of a new one when nothing is."""
        return self._targets.get(target) or TargetHealth(since=time.monotonic())

    def state(self, target: Target) -> str:
        """``initial``, ``healthy`` or ``unhealthy``; ``unused`` when the target is not registered."""
        health = self._targets.get(target)
        return health.state if health else "unused"

    def never_healthy_too_long(self, target: Target) -> bool:
        """Whether the target has had its time to answer; before that, failed checks are a program starting."""
        health = self._targets.get(target)
        return health is not None and time.monotonic() - health.since > _MINIMUM_START_SECONDS

    def wait_until_idle(self, address: str, *, seconds: float) -> None:
        """Wait until no request to `address` is in flight (connection draining)."""
        end = time.monotonic() + min(seconds, _MAXIMUM_DRAIN_SECONDS)
        while time.monotonic() < end and any(
            health.in_flight for (_, target, _), health in list(self._targets.items()) if target == address
        ):
            time.sleep(0.02)

    # ------------------------------------------------------------ checking

    def _run(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            try:
                self._tick()
            except Exception:
                log.exception("health checks: a round failed")
            for listener in self._listeners:
                try:
                    listener()
                except Exception:
                    log.exception("health checks: the scheduler failed")

    def _tick(self) -> None:
        now = time.monotonic()
        registered: dict[Target, Mapping[str, Any]] = {}
        # Keys begin with the account, and in some stores the region; the ARN is last and says both.
        groups = {key[-1]: group for key, group in list(seams.alb._tgs._data.items())}
        for (*_, arn), targets in list(seams.alb._targets._data.items()):
            group = groups.get(arn)
            if group is None or group.get("TargetType") == "lambda":
                continue
            for target in list(targets):
                registered[arn, str(target["Id"]), int(target.get("Port") or group["Port"])] = group
        with self._lock:
            for gone in set(self._targets) - set(registered):
                if not self._targets[gone].in_flight:
                    del self._targets[gone]
            for target, group in registered.items():
                health = self._targets.setdefault(target, TargetHealth(since=now))
                if not health.checking and now >= health.next_check:
                    health.checking = True
                    self._pool.submit(self._check, target, group, health)

    def _check(self, target: Target, group: Mapping[str, Any], health: TargetHealth) -> None:
        try:
            failure = self._probe(target, group)
        except Exception as error:  # a broken target must not end the checks
            failure = ("Target.FailedHealthChecks", str(error))
        now = time.monotonic()
        interval = max(_MINIMUM_INTERVAL_SECONDS, self.scaled(int(group["HealthCheckIntervalSeconds"])))
        if failure is None:
            health.successes, health.failures = health.successes + 1, 0
            # A new target is healthy after its first success, an unhealthy one after the threshold.
            if health.state == "initial" or health.successes >= int(group["HealthyThresholdCount"]):
                health.state, health.reason, health.description = "healthy", "", ""
        else:
            health.successes = 0
            if now >= health.next_count:  # the faster checks at the start count once an interval
                health.failures += 1
                health.next_count = now + interval
            starting = health.state == "initial" and not self.never_healthy_too_long(target)
            if health.failures >= int(group["UnhealthyThresholdCount"]) and not starting:
                health.state, (health.reason, health.description) = "unhealthy", failure
            elif health.state == "initial":
                health.reason = "Elb.InitialHealthChecking"
                health.description = f"Initial health checks in progress: {failure[1]}"
        health.next_check = now + (min(interval, _STARTING_INTERVAL_SECONDS) if health.state == "initial" else interval)
        health.checking = False

    def _probe(self, target: Target, group: Mapping[str, Any]) -> tuple[str, str] | None:
        """None when the target is well, else AWS's reason code and text."""
        _, address, traffic_port = target
        configured = str(group.get("HealthCheckPort") or "traffic-port")
        port = traffic_port if configured == "traffic-port" else int(configured)
        timeout = max(_MINIMUM_TIMEOUT_SECONDS, self.scaled(int(group["HealthCheckTimeoutSeconds"])))
        protocol = str(group.get("HealthCheckProtocol") or "HTTP").upper()
        try:
            if protocol not in ("HTTP", "HTTPS"):
                socket.create_connection((address, port), timeout=timeout).close()
                return None
            # Load balancers do not verify the certificates of their targets.
            connection = (
                http.client.HTTPSConnection(
                    address,
                    port,
                    timeout=timeout,
                    context=ssl._create_unverified_context(),  # noqa: S323
                )
                if protocol == "HTTPS"
                else http.client.HTTPConnection(address, port, timeout=timeout)
            )
            try:
                connection.request(
                    "GET",
                    str(group.get("HealthCheckPath") or "/"),
                    headers={"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"},
                )
                status = connection.getresponse().status
            finally:
                connection.close()
        except TimeoutError:
            return "Target.Timeout", "Request timed out"
        except OSError as error:
            return "Target.FailedHealthChecks", f"Health checks failed: {error}"
        if not _matches(status, str((group.get("Matcher") or {}).get("HttpCode") or "200")):
            return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"
        return None


def _matches(status: int, matcher: str) -> bool:
    """Matcher syntax of target groups: ``200``, ``200,302``, ``200-299``."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False

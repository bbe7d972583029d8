"""What the limiter and its control socket share."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from pythonbase_localcloud.docker_hub.accounts import Accounts
from pythonbase_localcloud.docker_hub.limits import Counter
from pythonbase_localcloud.docker_hub.publish import Publisher
from pythonbase_localcloud.docker_hub.registry import Registry


@dataclass(frozen=True)
class Failure:
    """How requests for manifests are answered while an outage is played."""

    status: int
    retry_after: int | None


class Outage:
    """An outage that lasts for a number of requests, or until it is ended."""

    def __init__(self) -> None:
        self._failure: Failure | None = None
        self._left: int | None = 0
        self._lock = threading.Lock()

    def begin(self, failure: Failure, requests: int | None) -> None:
        """Answer the next `requests` (None: all) GETs and HEADs of manifests with the failure."""
        with self._lock:
            self._failure, self._left = failure, requests

    def end(self) -> None:
        """Answer as usual again."""
        with self._lock:
            self._failure = None

    def next(self) -> Failure | None:
        """The failure for the request that has just come, or None."""
        with self._lock:
            if self._failure is None or self._left == 0:
                return None
            if self._left is not None:
                self._left -= 1
            return self._failure


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts."""

    stands_in: bool
    """Whether Docker Hub itself is stood in for, not only other registries."""
    counter: Counter
    upstream: Counter
    """Pulls from the other registries."""
    accounts: Accounts
    registry: Registry
    publisher: Publisher
    outage: Outage

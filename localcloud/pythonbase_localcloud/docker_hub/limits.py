"""Counts pulls and limits them, as Docker Hub documents it.

What counts (https://docs.docker.com/docker-hub/usage/pulls/): a GET of a manifest; HEAD is a version check and free.
"A pull for a multi-arch image will count as one pull for each different architecture." A client needs two GETs for
one architecture of such an image, the index and the manifest that it names; Docker's earlier text, "a pull request is
defined as up to two GET requests on registry manifest URLs", says that both are one pull. So the GET of an index
counts, the next GET of one of its manifests by the same identity belongs to it, and every further one counts.

The window slides: "remaining" is about the last six hours (https://www.docker.com/blog/
checking-your-current-docker-pull-rate-limits-and-status/). A request that is refused does not count.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path

ANONYMOUS_LIMIT = 100
USER_LIMIT = 200
WINDOW_SECONDS = 21_600.0
ECR_PUBLIC_PULLS_PER_SECOND = 1
"""Without a log-in: https://docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html."""

_PAIR_SECONDS = 600.0
"""How long after the GET of an index the GET of a manifest that it names belongs to the same pull."""


@dataclass(frozen=True)
class Identity:
    """Who is limited: an account, or the address that requests without one come from."""

    kind: str
    """`address` or `user`."""
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What an identity may pull: `limit` None is a paid account, which Docker Hub does not limit."""

    limit: int | None
    remaining: int
    window: float


@dataclass(kw_only=True)
class Entry:
    """One request for a manifest."""

    method: str
    host: str
    identity: str
    repository: str
    reference: str
    client: str
    """The client's User-Agent."""
    time: float = 0.0
    status: int = 0
    counted: bool = False
    """Whether it is a pull of its own."""


@dataclass(kw_only=True)
class _Index:
    """An index that was read, whose first manifest is still part of that pull."""

    repository: str
    manifests: frozenset[str]
    until: float


@dataclass(kw_only=True)
class Limits:
    """The settings: pulls in a window of seconds; `users` are accounts with a limit of their own (None: unlimited)."""

    anonymous: int | None = ANONYMOUS_LIMIT
    user: int | None = USER_LIMIT
    window: float = WINDOW_SECONDS
    users: dict[str, int | None] = field(default_factory=dict)

    def of(self, identity: Identity) -> int | None:
        """The identity's limit; None is unlimited."""
        if identity.kind == "user":
            return self.users.get(identity.name, self.user)
        return self.anonymous


class Counter:
    """All requests for manifests, and who has how many pulls left; safe to use from several threads.

    `journal` keeps the requests across restarts (left out: they are forgotten), `clock` gives seconds since 1970.
    """

    def __init__(self, limits: Limits, *, journal: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.limits = limits
        self._journal, self._clock = journal, clock
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._indexes: dict[Identity, list[_Index]] = {}
        if journal is not None and journal.exists():
            self._entries = [Entry(**json.loads(line)) for line in journal.read_text().splitlines()]

    def allowance(self, identity: Identity) -> Allowance:
        """What the identity has left now."""
        with self._lock:
            return self._allowance(identity)

    def begin(self, entry: Entry, identity: Identity) -> bool:
        """Whether a request may go on; to be followed by `finish` either way."""
        with self._lock:
            entry.time = self._clock()
            if entry.method != "GET" or self._belongs_to_an_index(entry, identity):
                admitted = True
            else:
                allowance = self._allowance(identity)
                admitted = entry.counted = allowance.limit is None or allowance.remaining > 0
            self._entries.append(entry)
            return admitted

    def finish(self, entry: Entry, identity: Identity, *, status: int, manifests: Collection[str] = ()) -> None:
        """Say how a request ended: only a manifest that was handed out is a pull. `manifests` are those of an index."""
        with self._lock:
            entry.status = status
            entry.counted = entry.counted and status == HTTPStatus.OK
            if entry.counted and manifests:
                index = _Index(
                    repository=entry.repository, manifests=frozenset(manifests), until=self._clock() + _PAIR_SECONDS
                )
                self._indexes.setdefault(identity, []).append(index)
            self._write(entry)

    def entries(self) -> list[Entry]:
        """All requests, oldest first."""
        with self._lock:
            return list(self._entries)

    def counts(self) -> Mapping[str, int]:
        """Pulls of each identity since the last `reset`, those outside the window included."""
        with self._lock:
            found: dict[str, int] = {}
            for entry in self._entries:
                found[entry.identity] = found.get(entry.identity, 0) + entry.counted
            return found

    def reset(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._entries.clear()
            self._indexes.clear()
            if self._journal is not None:
                self._journal.unlink(missing_ok=True)

    def _allowance(self, identity: Identity) -> Allowance:
        limit, window = self.limits.of(identity), self.limits.window
        if limit is None:
            return Allowance(limit=None, remaining=0, window=window)
        since, name, used = self._clock() - window, str(identity), 0
        for entry in reversed(self._entries):
            if entry.time <= since:
                break
            used += entry.counted and entry.identity == name
        return Allowance(limit=limit, remaining=max(0, limit - used), window=window)

    def _belongs_to_an_index(self, entry: Entry, identity: Identity) -> bool:
        indexes = [index for index in self._indexes.get(identity, ()) if index.until > self._clock()]
        self._indexes[identity] = indexes
        for index in indexes:
            if index.repository == entry.repository and entry.reference in index.manifests:
                indexes.remove(index)
                return True
        return False

    def _write(self, entry: Entry) -> None:
        if self._journal is not None:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("a") as file:
                file.write(json.dumps(asdict(entry)) + "\n")

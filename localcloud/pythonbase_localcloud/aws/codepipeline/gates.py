"""Who may be in a stage: one execution at a time, the next ones wait (QUEUED) or replace each other (SUPERSEDED)."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

_POLL_SECONDS = 0.2


class SupersededError(Exception):
    """A newer execution took this one's place in front of the stage."""


class Gates:
    """The stages of every pipeline."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: dict[str, str] = {}
        self._waiting: dict[str, list[str]] = defaultdict(list)

    def enter(self, stage: str, execution: str, *, mode: str, cancelled: Callable[[], bool]) -> None:
        """Wait for the stage. Raises `SupersededError`; returns without entering when `cancelled` turns true."""
        if mode == "PARALLEL":
            return
        with self._changed:
            if self._inside.get(stage) == execution:
                return  # handed over
            queue = self._waiting[stage]
            if mode == "SUPERSEDED":
                queue.clear()  # the newest waits, whoever waited before is superseded
            queue.append(execution)
            while True:
                if execution not in queue:
                    raise SupersededError
                if cancelled():
                    queue.remove(execution)
                    return
                if stage not in self._inside and queue[0] == execution:
                    queue.pop(0)
                    self._inside[stage] = execution
                    return
                self._changed.wait(_POLL_SECONDS)

    def hand_over(self, stage: str, execution: str, successor: str) -> None:
        """Let `successor` in when `execution` leaves, before anybody who waits."""
        with self._changed:
            if self._inside.get(stage) == execution:
                self._inside[stage] = successor

    def leave(self, stage: str, execution: str) -> None:
        """Free the stage."""
        with self._changed:
            if self._inside.get(stage) == execution:
                del self._inside[stage]
                self._changed.notify_all()

    def busy(self, stage: str) -> bool:
        """Whether somebody is in the stage."""
        return stage in self._inside

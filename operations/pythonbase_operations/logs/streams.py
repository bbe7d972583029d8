"""Reads log streams of CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pythonbase_operations.printing import one_line

_MOST_PAGES = 50
"""Pages of a stream that are read at once. A page has up to 10,000 lines or 1 MB:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line, and when it was logged: milliseconds since 1970."""

    when: int
    text: str


class Stream:
    """A log stream, which need not exist yet.

    Args:
        logs: A client of CloudWatch Logs.
        group: The log group.
        name: The log stream.
        since: Time of the oldest line. None: all lines.
    """

    def __init__(self, logs: Any, *, group: str, name: str, since: datetime | None) -> None:
        self._logs = logs
        self._which: dict[str, Any] = {"logGroupName": group, "logStreamName": name}
        if since is not None:
            self._which["startTime"] = int(since.timestamp() * 1000)
        self._forward: str | None = None
        self.is_cut = False
        """Whether older lines were left out, because there are too many."""

    def newest(self) -> list[Line]:
        """The lines up to now, the oldest first."""
        try:
            page = self._logs.get_log_events(**self._which, startFromHead=False)
        except self._logs.exceptions.ResourceNotFoundException:
            return []
        self._forward = page["nextForwardToken"]
        pages = [page]
        # A page can be empty although there are more; at the end, CloudWatch returns the token that it was given.
        while (token := pages[-1]["nextBackwardToken"]) != pages[-1].get("asked"):
            if len(pages) == _MOST_PAGES:
                self.is_cut = True
                break
            pages.append({**self._logs.get_log_events(**self._which, nextToken=token), "asked": token})
        return [line for page in reversed(pages) for line in _lines(page["events"])]

    def added(self) -> list[Line]:
        """The lines since the last call."""
        if self._forward is None:
            return self.newest()
        found: list[Line] = []
        for _ in range(_MOST_PAGES):
            page = self._logs.get_log_events(**self._which, nextToken=self._forward, startFromHead=True)
            found += _lines(page["events"])
            if page["nextForwardToken"] == self._forward:
                break
            self._forward = page["nextForwardToken"]
        return found


def _lines(events: Iterable[Mapping[str, Any]]) -> list[Line]:
    """An event's message can have several lines, and ends with or without a line end."""
    return [
        Line(when=event["timestamp"], text=one_line(text.expandtabs(), at_most=None))
        for event in events
        for text in event["message"].removesuffix("\n").split("\n")
    ]

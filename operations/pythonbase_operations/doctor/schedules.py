"""The longest time between two runs of a schedule."""

from __future__ import annotations

import re
from datetime import timedelta

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((.+)\)")
_FIELDS = 6


def longest_gap(expression: str) -> timedelta:
    """An upper bound of the time between two runs of a ``rate()`` or ``cron()`` of EventBridge Scheduler.

    >>> longest_gap("cron(0 3 ? * MON *)").days
    7
    """
    rate = _RATE.fullmatch(expression)
    if rate:
        return int(rate[1]) * timedelta(**{f"{rate[2]}s": 1})
    cron = _CRON.fullmatch(expression)
    fields = cron[1].split() if cron else []
    if len(fields) != _FIELDS:
        raise ValueError(f"expression must be rate() or cron(), got {expression!r}")
    _, _, day_of_month, month, day_of_week, _ = fields
    if month != "*":
        return timedelta(days=366)
    if day_of_month not in ("*", "?"):
        return timedelta(days=31)
    # MON#2 and 6L are once a month.
    if "#" in day_of_week or "L" in day_of_week.upper():
        return timedelta(days=35)
    return timedelta(days=7 if day_of_week not in ("*", "?") else 1)

"""The rows of the fault table, and how they are printed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 150


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault.

    Attributes:
        fault: what was injected.
        observed: what came of it; what is wrong if it is not as it must be.
        as_it_must: whether it is.
        requests: how many requests a client made meanwhile.
        failed: how many of them were not answered with 200.
        seconds: how long it took.
    """

    fault: str
    observed: str
    as_it_must: bool
    requests: int
    failed: int
    seconds: float


def table(rows: Sequence[Row]) -> str:
    """All rows for a terminal."""
    width = max(len(row.fault) for row in rows)
    lines = [f"{'':4}{'injected'.ljust(width)}  {'requests':>8}  {'failed':>6}  {'s':>4}  observed"]
    for row in rows:
        head = f"{'ok' if row.as_it_must else '!!':4}{row.fault.ljust(width)}  {row.requests:8}  {row.failed:6}  "
        head += f"{row.seconds:4.0f}  "
        text = textwrap.wrap(row.observed, max(_WIDTH - len(head), 40)) or [""]
        lines += [head + text[0], *(" " * len(head) + line for line in text[1:])]
    good = sum(row.as_it_must for row in rows)
    lines.append("")
    lines.append(
        f"{good} of {len(rows)} as they must be; {sum(row.requests for row in rows)} requests, "
        f"{sum(row.failed for row in rows)} failed"
    )
    return "\n".join(lines)

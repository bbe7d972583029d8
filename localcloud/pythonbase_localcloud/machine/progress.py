"""Progress lines: `[ 12 s] Docker engine 26.1.5 is ready`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Report = Callable[[str], None]
"""Takes one line about what is done or being done."""


def reporter(*, quiet: bool = False) -> Report:
    """Return a `Report` that prints to standard error with the seconds since now; `quiet` prints nothing."""
    started = time.monotonic()

    def report(line: str) -> None:
        if not quiet:
            print(f"[{time.monotonic() - started:3.0f} s] {line}", file=sys.stderr, flush=True)

    return report

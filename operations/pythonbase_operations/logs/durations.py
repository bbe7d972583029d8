"""Durations as users write them."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3650)


def duration(text: str) -> timedelta:
    """From ``10m``, ``2h`` or ``1d``.

    Raises:
        argparse.ArgumentTypeError: if it has another form.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,6})([mhd])", text, re.ASCII)
    if match is None or (found := timedelta(**{_UNITS[match[2]]: int(match[1])})) > _LONGEST:
        raise argparse.ArgumentTypeError(f"write minutes, hours or days, such as 10m, 2h or 1d; got {text!r}")
    return found

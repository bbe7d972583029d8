"""What doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether something does not work, or may fail later."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong.

    Args:
        place: What it is about: ``pipeline orders``, ``platform.yaml: services[0].secrets.DB_PASSWORD``.
        what: What is wrong, in one line.
        fix: What to do about it, in one line.
        severity: Warnings do not change the exit code.
    """

    place: str
    what: str
    fix: str
    severity: Severity = Severity.ERROR


class CannotRunError(Exception):
    """Nothing can be examined; the text is the whole message, one line for each reason."""

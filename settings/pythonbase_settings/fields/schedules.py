"""EventBridge Scheduler's rate() and cron() expressions.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from dataclasses import dataclass

_RATE = re.compile(r"rate\(([1-9][0-9]{0,5}) (minute|minutes|hour|hours|day|days)\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MINUTES_OF_AN_HOUR = 60


@dataclass(frozen=True)
class _Field:
    """One field of a cron expression: its numbers, their names, and what else it may be."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    special: str = r"(?!)"  # matches nothing

    def allows(self, text: str) -> bool:
        return text == "*" or all(self._allows_part(part) for part in text.split(","))

    def _allows_part(self, part: str) -> bool:
        if re.fullmatch(self.special, part):
            return True
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdigit() and 0 < int(step) <= self.high):
            return False
        if span == "*":
            return bool(slash)
        low, dash, high = span.partition("-")
        first, last = self._number(low), self._number(high) if dash else None
        return first is not None and (not dash or (last is not None and first <= last))

    def _number(self, text: str) -> int | None:
        if text.upper() in self.names:
            return self.low + self.names.index(text.upper())
        if not re.fullmatch("[0-9]{1,4}", text):
            return None
        number = int(text)
        return number if self.low <= number <= self.high else None


_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day of month", 1, 31, special=r"\?|L|(?:[1-9]|[12][0-9]|3[01])W|LW"),
    _Field("month", 1, 12, names=_MONTHS),
    _Field("day of week", 1, 7, names=_WEEKDAYS, special=r"\?|L|[1-7]L|(?:[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)#[1-5]"),
    _Field("year", 1970, 2199),
)


def schedule(text: str) -> str:
    """A schedule that runs at most once an hour: `rate(1 day)`, `cron(0 3 * * ? *)`.

    Raises:
        ValueError: with the fix as its text.
    """
    if text.startswith("cron(") and text.endswith(")"):
        _check_cron(text[len("cron(") : -1])
        return text
    match = _RATE.fullmatch(text)
    if not match:
        raise ValueError("use rate(1 day), rate(12 hours), or cron(<minute> <hour> <day> <month> <weekday> <year>)")
    value, unit = int(match[1]), match[2].removesuffix("s")
    right = f"rate({value} {unit}{'' if value == 1 else 's'})"
    if text != right:
        raise ValueError(f"use {right}: the unit is singular for 1 and plural above")
    if value * _MINUTES[unit] < _MINUTES_OF_AN_HOUR:
        raise ValueError("use at least 1 hour: rate(1 hour)")
    return text


def _check_cron(expression: str) -> None:
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"use 6 fields, not {len(parts)}: cron(0 3 * * ? *) is every day at 03:00 UTC")
    for part, field in zip(parts, _FIELDS, strict=True):
        if not field.allows(part):
            names = f" or {field.names[0]} to {field.names[-1]}" if field.names else ""
            allowed = f"{field.low} to {field.high}{names}"
            raise ValueError(f"use {allowed} for the {field.title}; cron(0 3 * * ? *) is every day at 03:00 UTC")
    if (parts[2] == "?") == (parts[4] == "?"):
        raise ValueError("use ? for exactly one of day of month and day of week: cron(0 3 * * ? *)")
    if not parts[0].isdigit():
        raise ValueError("use one number for the minutes, so that it runs at most once an hour: cron(0 3 * * ? *)")

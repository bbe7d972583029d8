"""Errors in a settings file: the place, the value found, and the fix."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

SettingPath = tuple[str | int, ...]
"""The path of a value in the settings: `("services", 0, "port")`."""

_SHOWN_AT_MOST = 80  # characters of a value in a message; enough to recognise it
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An error without file and line.

    Attributes:
        path: the value (or the key, or the missing key) that is wrong.
        fix: what to write instead; lower case, no period.
        got: how the value is shown. Left out: as the file has it.
        involves: other values that the finding depends on. If one of them is wrong itself, the finding is left out.
    """

    path: SettingPath
    fix: str
    got: str | None = None
    involves: tuple[SettingPath, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error with file and line.

    Attributes:
        file: as given by the user, relative to the working directory where it is below it.
        line: counted from 1; None if the file could not be read.
        place: the setting, such as `services[0].port`; empty for the file as a whole.
        got: the value found.
        fix: what to write instead.
    """

    file: str
    line: int | None
    place: str
    got: str
    fix: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        place = f"{self.place}: " if self.place else ""
        return f"{where}: {place}got {self.got}; {self.fix}"


class SettingsError(Exception):
    """The settings file cannot be used. Its text is the whole message for the user, one line for each problem.

    Attributes:
        problems: all of them, by line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        # sorted() is stable: problems of one line keep the order of the settings
        self.problems: tuple[Problem, ...] = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def place(path: SettingPath) -> str:
    """The path in messages: `services[0].environment.LOG_LEVEL`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{shown_text(step)}]"
    return text


def shown_text(text: str) -> str:
    """The text in double quotes on one printable line; a long text is cut."""
    return f'"{printable(json.dumps(_cut(text), ensure_ascii=False)[1:-1])}"'


def shown_plain(text: str) -> str:
    """A value that is not text (a number, yes, a date), as it is in the file."""
    return printable(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_AT_MOST else f"{text[:_SHOWN_AT_MOST]}…"


def printable(text: str) -> str:
    """The text with escapes for line breaks and for characters that cannot be printed."""
    # Surrogates would cause an encoding error, control characters a second line.
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)

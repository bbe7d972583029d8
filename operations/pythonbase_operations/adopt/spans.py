"""Where in the file a name is: the parser gives only lines, and joins them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from pythonbase_operations.adopt.directives import BOM

_MOUNTED_FROM = re.compile(r'(?:^|[,"])from=([^,"]*)', re.IGNORECASE)
_WORD = re.compile(r"[^ \t\v\f\r]+")


@dataclass(frozen=True)
class Place:
    """The line where a name begins, and the start and end of its bytes if they are contiguous."""

    line: int
    span: tuple[int, int] | None


@dataclass(frozen=True)
class Word:
    """A word of an instruction, with the line and the offset in the file of each of its characters."""

    text: str
    positions: tuple[tuple[int, int], ...]

    def place(self, start: int, end: int) -> Place:
        """The place of a range of its characters."""
        part = self.positions[start:end]
        if not part:
            return Place(self.positions[0][0], None)
        first, last = part[0][1], part[-1][1]
        return Place(part[0][0], (first, last + 1) if last - first == end - start - 1 else None)


class Lines:
    """The lines of a file.

    Args:
        data: The file.
        escape: The character that continues a line.
    """

    def __init__(self, data: bytes, escape: str) -> None:
        self._escape = escape
        self._lines = data.split(b"\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))

    def words(self, first: int, last: int) -> list[Word]:
        """Words of the instruction on these lines, without comments and ends of lines."""
        parts, positions = list[str](), list[tuple[int, int]]()
        for number in range(first, last + 1):
            line = self._lines[number - 1]
            skip = len(BOM) if number == 1 and line.startswith(BOM) else 0
            # Latin-1: one character for each byte, so offsets are those of the file.
            shown = line.decode("latin-1").rstrip("\r")
            if number == first or not shown.lstrip().startswith("#"):
                parts.append(self._without_continuation(shown)[skip:])
                start = self._starts[number - 1] + skip
                positions += [(number, start + index) for index in range(len(parts[-1]))]
        text = "".join(parts)
        return [Word(match[0], tuple(positions[match.start() : match.end()])) for match in _WORD.finditer(text)]

    def _without_continuation(self, line: str) -> str:
        escape = re.escape(self._escape)
        return re.sub(rf"(?<!{escape}){escape}[ \t]*$", "", line)


def base(words: list[Word], name: str) -> Place | None:
    """The place of the image of ``FROM``."""
    rest = words[1:]
    while rest and rest[0].text.startswith("--"):
        is_end = rest[0].text == "--"
        rest = rest[1:]
        if is_end:
            break
    return rest[0].place(0, len(name)) if rest and rest[0].text == name else None


def flags(words: list[Word], names: list[str]) -> list[Place | None]:
    """The places of these names in ``--from=`` and ``--mount=…,from=``; None for all if the words have other names."""
    found = list[tuple[str, Place]]()
    for word in words:
        if word.text.startswith("--from="):
            start = len("--from=")
            quote = 1 if word.text[start : start + 1] in ('"', "'") else 0
            end = len(word.text) - quote
            found.append((word.text[start + quote : end], word.place(start + quote, end)))
        elif word.text.startswith("--mount="):
            start = len("--mount=")
            match = _MOUNTED_FROM.search(word.text[start:])
            if match and match[1]:
                found.append((match[1], word.place(start + match.start(1), start + match.end(1))))
    if [text for text, _ in found] != names:
        return [None] * len(names)
    return [place for _, place in found]

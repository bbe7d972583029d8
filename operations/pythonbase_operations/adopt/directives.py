"""The first lines of a Dockerfile: parser directives, and the other ways to select a frontend.

https://docs.docker.com/reference/dockerfile/#parser-directives
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from pythonbase_operations.adopt.model import Builder

BOM = b"\xef\xbb\xbf"
SYNTAX = "# syntax"
"""The place of an image that is to read a Dockerfile."""

_DIRECTIVE = re.compile(rb"\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*", re.DOTALL)
_KNOWN = {Builder.DOCKER_26: ("syntax", "escape"), Builder.DOCKER_28: ("syntax", "escape", "check")}


@dataclass(frozen=True)
class Directive:
    """One directive: its name in lower case, its value, its line counted from 1, the bytes of its first word."""

    name: str
    value: str
    line: int
    span: tuple[int, int]


def directives(data: bytes, *, builder: Builder, comment: bytes = b"#", skip: int = 0) -> dict[str, Directive]:
    """Directives by name. They end at the first line that is not a directive.

    Args:
        data: The Dockerfile.
        builder: The builder that reads it.
        comment: What a line of a directive starts with.
        skip: Lines to skip at the start.
    """
    found: dict[str, Directive] = {}
    start = 0
    for number, line in enumerate(data.split(b"\n"), start=1):
        text_start = start + (len(BOM) if number == 1 and line.startswith(BOM) else 0)
        text, start = data[text_start : start + len(line)], start + len(line) + 1
        if number <= skip:
            continue
        match = _DIRECTIVE.fullmatch(text.removeprefix(comment)) if text.startswith(comment) else None
        name = match[1].decode().lower() if match else ""
        if match is None or name not in _KNOWN[builder] or name in found:
            break
        value_start = text_start + len(comment) + match.start(2)
        word = match[2].split(b" ")[0]
        found[name] = Directive(name, match[2].decode(errors="replace"), number, (value_start, value_start + len(word)))
    return found


def syntax(data: bytes, *, builder: Builder) -> Directive | None:
    """The image of the frontend: ``# syntax=``, ``// syntax=`` or a JSON document with that key."""
    if data.startswith(BOM) and builder is Builder.DOCKER_26:
        return None  # before the directive, Docker 26 accepts only a shebang
    shebang = 1 if data.removeprefix(BOM).startswith(b"#!") else 0
    for comment in (b"#", b"//"):
        found = directives(data, builder=builder, comment=comment, skip=shebang).get("syntax")
        if found:
            return found
    try:
        document = json.loads(data.removeprefix(BOM))
    except (ValueError, RecursionError):
        return None
    value = document.get("syntax") if isinstance(document, dict) else None
    return Directive("syntax", value, 1, (0, 0)) if isinstance(value, str) else None


def escape_character(data: bytes, *, builder: Builder) -> str:
    """The character that continues lines: a backslash, unless ``# escape=`` says otherwise."""
    found = directives(data, builder=builder).get("escape")
    return found.value if found else "\\"


def with_escape_first(data: bytes, *, builder: Builder) -> bytes:
    """The Dockerfile for a parser without ``# check=``: an escape directive after one moves to the first line."""
    found = directives(data, builder=builder)
    if "check" not in found or "escape" not in found or found["escape"].line < found["check"].line:
        return data
    bom = BOM if data.startswith(BOM) else b""
    lines = data.removeprefix(BOM).split(b"\n")
    lines.insert(0, lines.pop(found["escape"].line - 1))
    return bom + b"\n".join(lines)

"""CodePipeline's glob patterns: https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html

They are those of Java's file systems, so that ``**/README.md`` needs a folder and does not match ``README.md``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TOKEN = re.compile(
    r"(?P<any>\*\*)|(?P<some>\*)|(?P<one>\?)|\[(?P<negated>!)?(?P<set>[^\]]+)\]|\\(?P<escaped>.)"
    r"|\{(?P<group>[^{}]*)\}|(?P<broken>[\[{}\\])|(?P<plain>.)",
    re.DOTALL,
)


class GlobError(ValueError):
    """CodePipeline would refuse the pattern."""


def matches(pattern: str, value: str) -> bool:
    """Whether the whole value matches."""
    return _compiled(pattern).fullmatch(value) is not None


def selected(criteria: Mapping[str, Any] | None, values: Sequence[str]) -> bool:
    """Whether a value is included and not excluded; without includes all are, and exclusion counts more."""
    includes, excludes = (criteria or {}).get("includes") or [], (criteria or {}).get("excludes") or []
    return any(
        (not includes or any(matches(pattern, value) for pattern in includes))
        and not any(matches(pattern, value) for pattern in excludes)
        for value in values
    )


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(_parts(pattern)), re.DOTALL)


def _parts(pattern: str) -> Iterator[str]:
    simple = {"any": ".*", "some": "[^/]*", "one": "[^/]"}
    for token in _TOKEN.finditer(pattern):
        kind = token.lastgroup
        if kind == "broken":
            raise GlobError(f"{token[0]!r} is not closed, or inside another group: {pattern!r}")
        if kind == "set":
            yield _characters(token["set"], negated=bool(token["negated"]))
        elif kind == "group":
            yield f"(?:{'|'.join(''.join(_parts(choice)) for choice in token['group'].split(','))})"
        else:
            yield simple.get(str(kind)) or re.escape(token["escaped"] or token[0])


def _characters(content: str, *, negated: bool) -> str:
    """A set of characters, never the slash. ``*``, ``?`` and the backslash stand for themselves in it."""
    inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", content)
    return rf"(?!/)[{'^' if negated else ''}{inside}]"

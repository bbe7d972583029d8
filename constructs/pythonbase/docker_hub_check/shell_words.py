"""Parses shell commands, only as far as needed to find the images that they pull."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# One word: quoted text, substitutions, escaped and plain characters.
_WORD = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\$\([^()]*\)|`[^`]*`|\$\{[^}]*\}|\\.|[^\s"'`;|&()<>\\])+""")
_BLANK = re.compile(r"[ \t]*")
_ENGINE = re.compile(r"(?<![\w.-])(?:docker|podman|nerdctl|finch)(?=[ \t])")
# Before an engine's name, this means that it is not called: it is in a comment, or in text that is printed.
_NOT_CALLED = re.compile(r"(?:^|\s)#|\b(?:echo|printf)\b[^;|&(`]*$")

_WITHOUT_VALUE = re.compile(
    "--(?:all-tags|debug|detach|disable-content-trust|help|init|insecure|interactive|no-healthcheck|oom-kill-disable"
    "|privileged|publish-all|quiet|raw|read-only|rm|sig-proxy|tls|tlsverify|tty|use-api-socket|verbose)"
)
"""Options of run, create, pull and inspect without a value; all others take one."""


def engine_calls(line: str) -> Iterator[list[str]]:
    """The words after ``docker``, or another engine, of each call in a line."""
    for match in _ENGINE.finditer(line):
        if not _NOT_CALLED.search(line[: match.start()]):
            yield list(_words(line, match.end()))


def operands(words: Sequence[str], *, flags: str = "dDiqtP") -> list[str]:
    """The words from the first that is neither an option nor the value of one.

    Args:
        words: The words after a command.
        flags: One-letter options without a value; all others take one.
    """
    rest = iter(words)
    for word in rest:
        if word == "--":
            break
        if not word.startswith("-"):
            return [word, *rest]
        if _takes_next(word, flags):
            next(rest, None)
    return list(rest)


def values_of(option: str, words: Sequence[str]) -> Iterator[str]:
    """The values of an option, written ``--option value`` or ``--option=value``."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == option:
            yield following
        elif word.startswith(f"{option}="):
            yield word.partition("=")[2]


def _takes_next(option: str, flags: str) -> bool:
    if option.startswith("--"):
        return "=" not in option and not _WITHOUT_VALUE.fullmatch(option)
    # -it takes no value, -v takes the next word, -p80:80 contains its value.
    return len(option[1:].lstrip(flags)) == 1


def _words(line: str, start: int) -> Iterator[str]:
    while match := _WORD.match(line, _BLANK.match(line, start).end()):  # type: ignore[union-attr]  # always matches
        yield re.sub(r"""["']""", "", match[0])
        start = match.end()

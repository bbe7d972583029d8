"""Variables in words of a Dockerfile, replaced as BuildKit replaces them.

https://docs.docker.com/reference/dockerfile/#environment-replacement
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[^\W\d]\w*|\d+|[@*#?\-$!]")
_MODIFIERS = "+-?#%"


class WordError(ValueError):
    """A substitution that the builder refuses."""


def expand(word: str, variables: Mapping[str, str], *, escape: str = "\\") -> str:
    """Replace variables and remove quotes and escapes.

    Args:
        word: As written in the Dockerfile.
        variables: Those that are set. An empty variable is not the same as a missing one.
        escape: The escape character.

    Raises:
        WordError: if it is malformed, or requires a missing variable with ``${name:?message}``.
    """
    return _Reader(word, variables, escape).until(None)


@dataclass
class _Reader:
    """Reads one word from left to right."""

    word: str
    variables: Mapping[str, str]
    escape: str
    position: int = field(default=0)

    @property
    def next(self) -> str:
        """The next character, or nothing at the end."""
        return self.word[self.position : self.position + 1]

    def take(self) -> str:
        character = self.next
        self.position += 1
        return character

    def until(self, stop: str | None, *, keep_escapes: bool = False) -> str:
        """The text up to a character, which is also taken, or up to the end."""
        result = ""
        while self.next:
            character = self.take()
            if character == stop:
                return result
            if character == "'":
                result += self._single_quoted()
            elif character == '"':
                result += self._double_quoted()
            elif character == "$":
                result += self._variable()
            elif character == self.escape:
                result += (character if keep_escapes and self.next else "") + self.take()
            else:
                result += character
        if stop is not None:
            raise WordError(f"{self.word}: {stop} is missing")
        return result

    def _single_quoted(self) -> str:
        text, quote, _ = self.word[self.position :].partition("'")
        if not quote:
            raise WordError(f"{self.word}: a single quote is not closed")
        self.position += len(text) + 1
        return text

    def _double_quoted(self) -> str:
        result = ""
        while self.next:
            character = self.take()
            if character == '"':
                return result
            if character == "$":
                result += self._variable()
            elif character == self.escape and self.next in ('"', "$", self.escape):
                result += self.take()
            else:
                result += character
        raise WordError(f"{self.word}: a double quote is not closed")

    def _name(self) -> str:
        match = _NAME.match(self.word, self.position)
        if match is None:
            return ""
        self.position = match.end()
        return match[0]

    def _variable(self) -> str:
        if self.next != "{":
            name = self._name()
            return self.variables.get(name, "") if name else "$"
        self.take()
        if self.next in ("", "{", "}", ":"):
            raise WordError(f"{self.word}: bad substitution")
        name = self._name()
        modifier = self.take()
        if modifier == "}":
            return self.variables.get(name, "")
        if modifier == "/":
            return self._replaced(name)
        empty_is_missing = modifier == ":"
        if empty_is_missing:
            modifier = self.take()
        if not modifier or modifier not in _MODIFIERS:
            raise WordError(f"{self.word}: bad substitution")
        text = self.until("}", keep_escapes=modifier in "#%")
        return self._modified(name, modifier, text, empty_is_missing=empty_is_missing)

    def _modified(self, name: str, modifier: str, text: str, *, empty_is_missing: bool) -> str:
        value = self.variables.get(name)
        is_missing = value is None or (empty_is_missing and value == "")
        if modifier == "-":
            return text if is_missing else str(value)
        if modifier == "+":
            return "" if is_missing else text
        if modifier == "?":
            if is_missing:
                raise WordError(f"{name}: {text or 'is not set'}")
            return str(value)
        is_longest = text.startswith(modifier)
        pattern = text[1:] if is_longest else text
        if modifier == "#":
            return _without_start(value or "", pattern, is_longest=is_longest)
        return _without_end(value or "", pattern, is_longest=is_longest)

    def _replaced(self, name: str) -> str:
        everywhere = self.next == "/"
        if everywhere:
            self.take()
        pattern = _expression(self.until("/", keep_escapes=True))
        replacement = self.until("}", keep_escapes=True)
        return pattern.sub(lambda _: replacement, self.variables.get(name, ""), count=0 if everywhere else 1)


def _expression(pattern: str, *, shortest: bool = False) -> re.Pattern[str]:
    """A shell pattern as a regular expression: ``*`` and ``?`` are the only wildcards."""
    result, characters = "", iter(pattern)
    for character in characters:
        if character == "*":
            result += ".*?" if shortest else ".*"
        elif character == "?":
            result += "."
        elif character == "\\":
            escaped = next(characters, "")
            if not escaped or escaped not in "*?\\/}":
                raise WordError(f"{pattern}: invalid escape")
            result += re.escape(escaped)
        else:
            result += re.escape(character)
    return re.compile(result)


def _without_start(value: str, pattern: str, *, is_longest: bool) -> str:
    match = _expression(pattern, shortest=not is_longest).match(value)
    return value[match.end() :] if match else value


def _without_end(value: str, pattern: str, *, is_longest: bool) -> str:
    expression = _expression(pattern)
    starts = range(len(value) + 1) if is_longest else range(len(value), -1, -1)
    return next((value[:start] for start in starts if expression.fullmatch(value, start)), value)

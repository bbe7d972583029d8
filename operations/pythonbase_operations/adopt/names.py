"""Names of images outside Dockerfiles."""

from __future__ import annotations

import re

from pythonbase_buildspecs import ImageReference
from pythonbase_operations.adopt.model import Contents, Unknown, Use

_IMAGE_SCHEME = "docker-image://"
# https://docs.docker.com/reference/compose-file/interpolation/
_COMPOSE_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:?[-+?])((?:[^{}]|\$\{[^{}]*\})*))?\}|(\w+))")


def named(written: str, *, line: int, place: str, value: str | None = None) -> Use | Unknown | None:
    """An image that Compose, a CI system or a command pulls. None if the text is no image reference.

    Args:
        written: As in the file.
        line: Where.
        place: Key or command that names it.
        value: The name with variables replaced, if that was possible.
    """
    name = (written if value is None else value).strip().removeprefix(_IMAGE_SCHEME)
    if "$" in name or "`" in name:
        return Unknown(line=line, place=place, written=written)
    try:
        return Use(line=line, place=place, written=written, reference=ImageReference.parse(name))
    except ValueError:
        return None


def interpolated(text: str) -> str:
    """A value of a compose file, with variables replaced by their defaults. One without a default stays as it is."""

    def value(match: re.Match[str]) -> str:
        dollar, name, operator, default, _ = match.groups()
        if dollar:
            return "$"
        if name and operator in ("-", ":-"):
            return interpolated(default)
        return "" if name and operator in ("+", ":+") else match[0]

    return _COMPOSE_VARIABLE.sub(value, text)


def is_image_context(text: str) -> bool:
    """Whether a named build context is an image."""
    return text.startswith(_IMAGE_SCHEME)


def contents(found: list[Use | Unknown | None], dockerfiles: list[str] | None = None) -> Contents:
    """What was found in a file, without duplicates."""
    each = dict.fromkeys(item for item in found if item is not None)
    return Contents(
        uses=tuple(item for item in each if isinstance(item, Use)),
        unknown=tuple(item for item in each if isinstance(item, Unknown)),
        dockerfiles=tuple(dict.fromkeys(dockerfiles or [])),
    )

"""What the reports of all subcommands do with text."""

from __future__ import annotations

_LONGEST = 200


def one_line(text: str, *, at_most: int | None = _LONGEST) -> str:
    """The text without line ends and other control characters, which a terminal would obey.

    Args:
        text: As it is in a file, or a path.
        at_most: Characters that are kept. None: all.
    """
    kept = text if at_most is None or len(text) <= at_most else text[:at_most] + "…"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in kept
    )


def count(number: int, noun: str) -> str:
    """The number with its noun: ``1 error``, ``2 errors``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"

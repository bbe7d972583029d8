"""Text from files, made fit for one line of a report."""

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

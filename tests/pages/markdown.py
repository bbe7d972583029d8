"""Parts of Markdown that the pages have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[str]) -> str:
    """A table; each row is a line."""
    return "\n".join([row(*columns), "|---" * len(columns) + "|", *rows, ""])


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    """A text in a cell of a table."""
    return text.replace("|", r"\|").replace("\n", " ")


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and editors make it."""
    return re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")

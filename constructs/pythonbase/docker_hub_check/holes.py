"""Text with holes: what a template says and what only the deployment knows, in one string."""

from __future__ import annotations

import re

_FIRST = 0xF0000
HOLE = re.compile("[\U000f0000-\U000ffffd]")
"""A hole: one character for private use, so that splitting, JSON and patterns treat it as a letter."""


class Holes:
    """Hands out the characters, and knows what each stands for."""

    def __init__(self) -> None:
        self._of_label: dict[str, str] = {}
        self._labels: list[str] = []

    def hole(self, label: str) -> str:
        """The hole for this label, the same one each time.

        Args:
            label: What is missing, for people: ``Repository.Arn``, ``$TAG``.
        """
        if label not in self._of_label:
            self._of_label[label] = chr(_FIRST + len(self._labels))
            self._labels.append(label)
        return self._of_label[label]

    def label(self, hole: str) -> str:
        """What a hole stands for."""
        return self._labels[ord(hole) - _FIRST]

    def readable(self, text: str) -> str:
        """The text with ``<label>`` for each hole; shell variables look as they did."""
        return HOLE.sub(lambda match: _shown(self.label(match[0])), text)


def _shown(label: str) -> str:
    return label if label.startswith("$") else f"<{label}>"

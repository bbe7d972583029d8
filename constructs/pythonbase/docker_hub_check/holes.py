"""Text with holes: a hole is a placeholder for a value that is not known at synthesis."""

from __future__ import annotations

import re

_FIRST = 0xF0000
HOLE = re.compile("[\U000f0000-\U000ffffd]")
"""A hole: one private-use character, so that splitting, JSON and patterns treat it as a letter."""


class Holes:
    """Assigns a character to each label."""

    def __init__(self) -> None:
        self._of_label: dict[str, str] = {}
        self._labels: list[str] = []

    def hole(self, label: str) -> str:
        """The hole for this label, the same one each time.

        Args:
            label: Readable name of the missing value: ``Repository.Arn``, ``$TAG``.
        """
        if label not in self._of_label:
            self._of_label[label] = chr(_FIRST + len(self._labels))
            self._labels.append(label)
        return self._of_label[label]

    def label(self, hole: str) -> str:
        """What a hole stands for."""
        return self._labels[ord(hole) - _FIRST]

    def readable(self, text: str) -> str:
        """The text with ``<label>`` for each hole; shell variables stay as they were."""
        return HOLE.sub(lambda match: _shown(self.label(match[0])), text)


def _shown(label: str) -> str:
    return label if label.startswith("$") else f"<{label}>"

"""Repeated entries of a list."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.problems import Finding, SettingPath, place


def check_repeated(values: list[str], at: SettingPath) -> Iterator[Finding]:
    """Entries of the list at this path that an earlier entry equals."""
    for index, value in enumerate(values):
        first = values.index(value)
        if first != index:
            yield Finding(path=(*at, index), fix=f"remove it: {place((*at, first))} is the same")

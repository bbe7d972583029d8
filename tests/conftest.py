"""Which tests share a process when they run side by side."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

_ON_THE_PLATFORM = ("test_demo", "test_permissions")
"""Modules that share one deployed application."""


class SharedFixtures(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps together what shares an instance of the local cloud, or a module's fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedFixtures:
    """The scheduler for any value of ``--dist``."""
    return SharedFixtures(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest."""
    items.sort(key=lambda item: (_group(item.nodeid) != "platform", _group(item.nodeid) != "local cloud"))


def _group(nodeid: str) -> str:
    module = PurePath(nodeid.partition("::")[0])
    if module.parent.name != "localcloud":
        return module.stem
    return "platform" if module.stem in _ON_THE_PLATFORM else "local cloud"

"""Which tests share a process when they run side by side."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

_SHARED = {
    # one deployed application
    "test_demo": "platform",
    "test_doctor": "platform",
    "test_permissions": "platform",
    "test_release_settings": "platform",
    # the services of the fault table, three times: their tests take longest
    "test_fault_table": "faults",
    "test_rare_faults": "rare faults",
    "test_releases": "releases",
    # instances of their own
    "test_upgrade": "upgrade",
    "test_settings_keep_releases": "settings",
    "test_first_deployment": "first deployment",
    "test_container_box": "container box",
    # a service in two accounts
    "test_other_account": "two accounts",
    # one service of a monorepo
    "test_build_statuses": "monorepo",
    "test_pull_requests": "monorepo",
    "test_service_tests": "monorepo",
    # one Docker Hub, whose limits they change
    "test_docker_hub": "docker hub",
    "test_refresh": "docker hub",
    # one builder
    "test_adopt_agrees_with_builder": "builder",
    "test_source_policy": "builder",
}
"""Modules with the local cloud, and what they share. The others of them share an instance of their own."""
_LONGEST_FIRST = (
    "rare faults",
    "faults",
    "settings",
    "first deployment",
    "releases",
    "platform",
    "monorepo",
    "docker hub",
    "local cloud",
    "two accounts",
    "builder",
)


class SharedFixtures(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Keeps together what shares an instance of the local cloud, or a module's fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedFixtures:
    """The scheduler for any value of ``--dist``."""
    return SharedFixtures(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest."""
    items.sort(key=lambda item: _rank(_group(item.nodeid)))


def _rank(group: str) -> int:
    return _LONGEST_FIRST.index(group) if group in _LONGEST_FIRST else len(_LONGEST_FIRST)


def _group(nodeid: str) -> str:
    module = PurePath(nodeid.partition("::")[0])
    if module.parent.name != "localcloud":
        return module.stem
    return _SHARED.get(module.stem, "local cloud")

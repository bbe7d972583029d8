"""Which tests share a process when they run side by side, and which of them start first."""

from __future__ import annotations

import pytest

pytest_plugins = ["pythonbase_localcloud.testing.cloud"]


@pytest.hookimpl(tryfirst=True)  # before xdist, which writes the groups into the names of the tests
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test a group, and start with the groups that take longest, which are those of low `order`.

    The tests of a group run in one process, with the same fixtures. Tests without a group share one if they use the
    local cloud, else one with the other tests of their module.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            uses_cloud = "cloud" in getattr(item, "fixturenames", ())
            item.add_marker(_LOCAL_CLOUD if uses_cloud else pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=_order)


_LOCAL_CLOUD = pytest.mark.xdist_group("local cloud", order=9)
_LAST = 100


def _order(item: pytest.Item) -> int:
    mark = item.get_closest_marker("xdist_group")
    return int(mark.kwargs.get("order", _LAST)) if mark else _LAST

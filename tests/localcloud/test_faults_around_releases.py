"""`make faults` as tests, second part: what happens beside a release, or between two."""

from __future__ import annotations

import pytest

from pythonbase_localcloud.fault_table.run import AROUND_RELEASES, Case
from pythonbase_localcloud.fault_table.world import World
from tests.localcloud.fault_cases import check


@pytest.mark.parametrize("case", AROUND_RELEASES, ids=[case.fault for case in AROUND_RELEASES])
def test_fault(world: World, case: Case) -> None:
    check(world, case)

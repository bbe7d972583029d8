"""The second half of `make faults` as tests: consoles, limits of large accounts, deployments that fail."""

from __future__ import annotations

import pytest

from trials.fault_table.run import RARE, Case, run_case
from trials.fault_table.world import World

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rare faults", order=1)]


@pytest.mark.parametrize("case", RARE, ids=[case.fault for case in RARE])
def test_fault(world: World, case: Case) -> None:
    row = run_case(world, case)
    assert row.as_it_must, row.observed
    assert row.failed == 0 or case.is_the_service
    assert row.requests > 20

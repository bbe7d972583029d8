"""`make faults` as tests: each fault comes to what it must, and a client that polls the service notices nothing."""

from __future__ import annotations

import pytest

from trials.fault_table.run import EVERYDAY, Case, run_case
from trials.fault_table.world import UnexpectedError, World

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults", order=2)]


@pytest.mark.parametrize("case", EVERYDAY, ids=[case.fault for case in EVERYDAY])
def test_fault(world: World, case: Case) -> None:
    row = run_case(world, case)
    assert row.as_it_must, row.observed
    assert row.failed == 0 or case.is_the_service
    assert row.requests > 20


def test_a_row_that_is_not_as_it_must_be_would_be_seen(world: World) -> None:
    def wrong(_: World) -> str:
        raise UnexpectedError("something else")

    row = run_case(world, Case("nothing", wrong))
    assert (row.as_it_must, row.observed) == (False, "UnexpectedError: something else")

"""`make faults` as tests, first part: what goes wrong inside a release."""

from __future__ import annotations

import pytest

from pythonbase_localcloud.fault_table.run import OF_A_RELEASE, Case, run_case
from pythonbase_localcloud.fault_table.world import UnexpectedError, World
from tests.localcloud.fault_cases import check


@pytest.mark.parametrize("case", OF_A_RELEASE, ids=[case.fault for case in OF_A_RELEASE])
def test_fault(world: World, case: Case) -> None:
    check(world, case)


def test_a_row_that_is_not_as_it_must_be_would_be_seen(world: World) -> None:
    def wrong(_: World) -> str:
        raise UnexpectedError("something else")

    row = run_case(world, Case("nothing", wrong))
    assert (row.as_it_must, row.observed) == (False, "UnexpectedError: something else")

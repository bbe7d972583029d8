"""What must be true of each row of `make faults`."""

from __future__ import annotations

from pythonbase_localcloud.fault_table.run import Case, run_case
from pythonbase_localcloud.fault_table.world import World


def check(world: World, case: Case) -> None:
    """It comes to what it must, and a client that polls the service notices nothing."""
    row = run_case(world, case)
    assert row.as_it_must, row.observed
    assert row.failed == 0 or case.is_the_service
    assert row.requests > 20

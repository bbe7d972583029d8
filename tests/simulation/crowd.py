"""Many releases at once, each of another service of the same account and Region."""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulation.account import IMAGE, Account
from tests.simulation.interpreter import Execution

MOST_EVENTS = 25_000


@dataclass(frozen=True)
class Outcome:
    """What came of a crowd of releases.

    Attributes:
        releases: How many there were.
        succeeded: Those that ended well and are recorded.
        put_back: Those that put their service back.
        throttled: Calls that were refused, of all of them.
        slowest: Seconds that the slowest one took.
        events: Events in the longest history.
        errors: What the others failed with.
    """

    releases: int
    succeeded: int
    put_back: int
    throttled: int
    slowest: float
    events: int
    errors: Mapping[str, int]

    def row(self) -> str:
        """As a row of a table."""
        return (
            f"| {self.releases} | {self.succeeded} | {self.releases - self.succeeded} | {self.put_back} | "
            f"{self.throttled} | {self.slowest / 60:.0f} min | {self.events} |"
        )


def release_at_once(definition_of: Callable[[str], Mapping[str, Any]], releases: int, *, within: float = 60) -> Outcome:
    """Run that many releases, which begin within so many seconds.

    Args:
        definition_of: The definition of the state machine of a service.
        releases: How many.
        within: Seconds in which they begin.
    """
    account, clock = Account(), random.Random(7)  # noqa: S311 - a simulation
    executions: list[Execution] = []
    queue: list[tuple[float, int, Generator[float, float, None]]] = []
    for number in range(releases):
        began = clock.uniform(0, within)
        execution = Execution(
            definition_of(f"orders-{number}"), {"image": IMAGE}, account=account, seed=number, began=began
        )
        executions.append(execution)
        running = execution.run()
        heapq.heappush(queue, (began + next(running), number, running))
    while queue:
        now, number, running = heapq.heappop(queue)
        try:
            heapq.heappush(queue, (now + running.send(now), number, running))
        except StopIteration:
            continue
    failed: dict[str, int] = {}
    for execution in executions:
        if execution.status != "SUCCEEDED":
            failed[execution.error] = failed.get(execution.error, 0) + 1
    recorded = sum(account.recorded(f"orders-{number}") == IMAGE for number in range(releases))
    succeeded = sum(execution.status == "SUCCEEDED" for execution in executions)
    assert recorded == succeeded, (recorded, succeeded)
    return Outcome(
        releases=releases,
        succeeded=succeeded,
        put_back=sum("UpdateBack" in execution.states for execution in executions),
        throttled=sum(account.throttled.values()),
        slowest=max(execution.ended - execution.began for execution in executions),
        events=max(execution.events for execution in executions),
        errors=failed,
    )


def describe(outcome: Outcome) -> str:
    """For a person."""
    return f"{outcome.row()}  {json.dumps(dict(outcome.errors))}"

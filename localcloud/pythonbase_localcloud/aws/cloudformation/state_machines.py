"""State machines with states that nothing leads to, which MiniStack takes and Step Functions refuses.

The message is that of https://github.com/aws-cloudformation/cfn-lint/issues/4073
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties

_TYPE = "AWS::StepFunctions::StateMachine"


def install() -> None:
    """Look at the definition before the type's create and update."""
    handler = seams.provisioners._RESOURCE_HANDLERS[_TYPE]
    create, update = handler["create"], handler["update"]

    def create_checked(logical_id: str, properties: Properties, stack_name: str) -> Any:
        _check(properties)
        return create(logical_id, properties, stack_name)

    def update_checked(physical_id: str, old: Properties, new: Properties, *rest: Any) -> Any:
        _check(new)
        return update(physical_id, old, new, *rest)

    handler["create"], handler["update"] = create_checked, update_checked


def _check(properties: Properties) -> None:
    definition = json.loads(seams.provisioners._sfn_definition(properties))
    for name in unreachable(definition):
        problem = f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at /States/{name}'
        raise ValueError(f"Invalid State Machine Definition: '{problem}' (Service: Sfn, Status Code: 400)")


def unreachable(machine: Mapping[str, Any]) -> Iterator[str]:
    """Names of states that no transition leads to, also in the machines inside of Map and Parallel."""
    states: Mapping[str, Any] = machine["States"]
    seen: set[str] = set()
    open_ends = [machine["StartAt"]]
    while open_ends:
        name = open_ends.pop()
        if name not in seen and name in states:
            seen.add(name)
            open_ends += _targets(states[name])
    yield from (name for name in states if name not in seen)
    for state in states.values():
        inner = [*state.get("Branches", []), *(state[key] for key in ("ItemProcessor", "Iterator") if key in state)]
        for branch in inner:
            yield from unreachable(branch)


def _targets(state: Mapping[str, Any]) -> list[str]:
    transitions = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return [item[key] for item in transitions for key in ("Next", "Default") if key in item]

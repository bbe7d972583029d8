"""The definition of a state machine: https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws

from pythonbase.state_machines.states import SERVICES, State, States


def definition(comment: str, states: States, *, timeout_seconds: int | None = None) -> State:
    """A definition that starts with the first state.

    ``timeout_seconds`` is the limit of an execution. The argument ``timeout`` of the construct has no effect on a
    definition in text: https://github.com/aws/aws-cdk/issues/37150
    """
    return {
        "Comment": comment,
        "QueryLanguage": "JSONata",
        **({} if timeout_seconds is None else {"TimeoutSeconds": timeout_seconds}),
        "StartAt": next(iter(states)),
        "States": states,
    }


def as_typed_states(definition: State) -> State:
    """The definition with the members and the partition as the CDK library's typed states (``sfn.Wait``) write them.

    For state machines that were first written with typed states. Their text would change otherwise, and with it every
    deployed one, although it would do the same.
    """
    states = {name: _as_typed_state(state) for name, state in definition["States"].items()}
    members = ("StartAt", "States", "TimeoutSeconds", "Comment", "QueryLanguage")
    return _in_order({**definition, "States": states}, members)


def _as_typed_state(state: State) -> State:
    match state["Type"]:
        case "Task":
            resource = state["Resource"].replace(SERVICES, f"arn:{Aws.PARTITION}:states:::")
            retries = ("ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate")
            retry = [_in_order(item, retries) for item in state["Retry"]]
            members = ("Next", "End", "Retry", "Catch", "Type", "Arguments", "Assign", "Resource")
            return _in_order({**state, "Retry": retry, "Resource": resource}, members)
        case "Wait":
            return _in_order(state, ("Type", "Seconds", "Next", "Assign"))
    return state


def _in_order(members: State, names: Sequence[str]) -> State:
    """The members with these names first, in this order."""
    return {**{name: members[name] for name in names if name in members}, **members}

"""One function for each type of state: https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html

Without ``then``, a state is the last one. A variable that is assigned in a state can be read in the states after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

State = dict[str, Any]
States = dict[str, State]

SERVICES = "arn:${Partition}:states:::"
"""Start of the ARN of a task's API. The text of a definition is the same in all partitions; CloudFormation replaces
what is in braces: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
"""


def jsonata(expression: str) -> str:
    """An expression that Step Functions evaluates:
    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    """
    return f"{{% {expression} %}}"


def task(
    api: str,
    arguments: Any,
    *,
    then: str | None = None,
    retries: Sequence[State] = (),
    catches: Sequence[State] = (),
    assign: Mapping[str, Any] | None = None,
    output: Any = None,
) -> State:
    """A call of an AWS API, such as ``aws-sdk:ecs:describeServices``.

    The first of ``retries`` that names the error decides, and when it gives up, the first of ``catches``.
    """
    return _state(
        "Task",
        then,
        Resource=f"{SERVICES}{api}",
        Arguments=arguments,
        Retry=[*retries] or None,
        Catch=[*catches] or None,
        Assign=assign or None,
        Output=output,
    )


def choice(*rules: tuple[str, str], otherwise: str) -> State:
    """A branch. Each rule is a condition and a next state; the first rule whose condition is true decides."""
    choices = [{"Condition": jsonata(condition), "Next": state} for condition, state in rules]
    return {"Type": "Choice", "Choices": choices, "Default": otherwise}


def wait(seconds: int | str, *, then: str, assign: Mapping[str, Any] | None = None) -> State:
    """A pause."""
    return _state("Wait", then, Seconds=seconds, Assign=assign)


def pass_state(*, then: str | None = None, assign: Mapping[str, Any] | None = None, output: Any = None) -> State:
    """A state that calls nothing: it assigns variables, or gives an output."""
    return _state("Pass", then, Assign=assign, Output=output)


def set_variables(then: str, **expressions: str) -> State:
    """A state that assigns the value of each expression to the variable of that name."""
    return pass_state(then=then, assign={name: jsonata(value) for name, value in expressions.items()})


def map_state(
    items: str,
    states: States,
    *,
    concurrency: int,
    then: str | None = None,
    catches: Sequence[State] = (),
    assign: Mapping[str, Any] | None = None,
    output: Any = None,
) -> State:
    """The states for each of the items, ``concurrency`` items at a time. They start with the first state."""
    return _state(
        "Map",
        then,
        Items=items,
        MaxConcurrency=concurrency,
        ItemProcessor={"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": next(iter(states)), "States": states},
        Catch=[*catches] or None,
        Assign=assign,
        Output=output,
    )


def succeed(*, comment: str | None = None, output: Any = None) -> State:
    """The end of an execution that succeeds."""
    return _members("Succeed", Comment=comment, Output=output)


def fail(*, error: str, cause: str) -> State:
    """The end of an execution that fails."""
    return _members("Fail", Error=error, Cause=cause)


def _state(type_: str, then: str | None, **members: Any) -> State:
    return {**_members(type_, **members), **({"Next": then} if then else {"End": True})}


def _members(type_: str, **members: Any) -> State:
    return {"Type": type_, **{name: value for name, value in members.items() if value is not None}}

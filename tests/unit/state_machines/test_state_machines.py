"""The building blocks of state machines, against the CDK library's typed states."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from aws_cdk.assertions import Template

from pythonbase.state_machines.definition import as_typed_states, definition
from pythonbase.state_machines.errors import ANY_ERROR, catch, never_retry, retry
from pythonbase.state_machines.states import (
    State,
    choice,
    fail,
    jsonata,
    map_state,
    pass_state,
    set_variables,
    succeed,
    task,
    wait,
)
from tests.unit.synthesis import new_stack, only

ASK = task(
    "aws-sdk:codepipeline:getPipeline",
    {"Name": "orders"},
    retries=[never_retry("Other"), retry(ANY_ERROR, attempts=5, interval=5)],
    catches=[catch("Other", then="Failed")],
    assign={"pipeline": jsonata("$states.result")},
    then="Which",
)
DEFINITION = definition(
    "An example",
    {
        "Ask": ASK,
        "Which": choice(("$pipeline = ''", "Pause"), otherwise="Done"),
        "Pause": wait(jsonata("1 + 1"), then="Ask", assign={"waited": True}),
        "Done": succeed(comment="well"),
        "Failed": fail(error="Example", cause="an example"),
    },
    timeout_seconds=60,
)


def _text_of_typed_states() -> Any:
    stack = new_stack()
    ask = tasks.CallAwsService.jsonata(
        stack,
        "Ask",
        service="codepipeline",
        action="getPipeline",
        parameters={"Name": "orders"},
        iam_resources=["*"],
        assign={"pipeline": "{% $states.result %}"},
    )
    ask.add_retry(errors=["Other"], max_attempts=0)
    ask.add_retry(interval=Duration.seconds(5), max_attempts=5, backoff_rate=2)
    failed = sfn.Fail(stack, "Failed", error="Example", cause="an example")
    ask.add_catch(failed, errors=["Other"])
    pause = sfn.Wait.jsonata(stack, "Pause", time=sfn.WaitTime.seconds("{% 1 + 1 %}"), assign={"waited": True})
    ask.next(
        sfn.Choice.jsonata(stack, "Which")
        .when(sfn.Condition.jsonata("{% $pipeline = '' %}"), pause.next(ask))
        .otherwise(sfn.Succeed(stack, "Done", comment="well"))
    )
    sfn.StateMachine(
        stack,
        "StateMachine",
        definition_body=sfn.DefinitionBody.from_chainable(ask),
        query_language=sfn.QueryLanguage.JSONATA,
        timeout=Duration.minutes(1),
        comment="An example",
    )
    return only(Template.from_stack(stack), "AWS::StepFunctions::StateMachine").properties["DefinitionString"]


def _text(steps: State) -> Any:
    stack = new_stack()
    body = sfn.DefinitionBody.from_string(stack.to_json_string(steps))
    sfn.StateMachine(stack, "StateMachine", definition_body=body)
    return only(Template.from_stack(stack), "AWS::StepFunctions::StateMachine").properties["DefinitionString"]


def test_the_text_is_that_of_typed_states() -> None:
    typed = _text_of_typed_states()
    # Typed states are in the order in which they were connected.
    states = {name: DEFINITION["States"][name] for name in _names(typed)}
    assert _text(as_typed_states({**DEFINITION, "States": states})) == typed


def _names(typed: Any) -> list[str]:
    parts = typed["Fn::Join"][1]
    return [*json.loads("".join(part if isinstance(part, str) else "aws" for part in parts))["States"]]


def test_as_typed_states_loses_nothing() -> None:
    state = {**ASK, "Output": {"more": True}}
    (changed,) = as_typed_states(definition("An example", {"Ask": state}))["States"].values()
    assert changed.keys() == state.keys()


def test_a_state_without_a_next_state_is_the_last() -> None:
    assert pass_state(output=False) == {"Type": "Pass", "Output": False, "End": True}
    assert task("aws-sdk:ecs:listTasks", {}) == {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::aws-sdk:ecs:listTasks",
        "Arguments": {},
        "End": True,
    }


def test_a_map_and_a_definition_start_with_their_first_state() -> None:
    states = {"One": set_variables("Two", count="1 + 1"), "Two": pass_state()}
    assert states["One"] == {"Type": "Pass", "Assign": {"count": "{% 1 + 1 %}"}, "Next": "Two"}
    assert map_state("{% [1] %}", states, concurrency=2) == {
        "Type": "Map",
        "Items": "{% [1] %}",
        "MaxConcurrency": 2,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "One", "States": states},
        "End": True,
    }
    assert definition("An example", states)["StartAt"] == "One"


def test_only_a_retry_with_a_longest_delay_is_spread_at_random() -> None:
    assert retry("Busy", attempts=3) == {
        "ErrorEquals": ["Busy"],
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxAttempts": 3,
    }
    assert retry("Busy", attempts=3, longest_delay=30) == {
        **retry("Busy", attempts=3),
        "MaxDelaySeconds": 30,
        "JitterStrategy": "FULL",
    }

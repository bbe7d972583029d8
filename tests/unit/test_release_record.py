"""The state machine that records a release."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase import ReleaseNames
from pythonbase.release_record import ReleaseRecord
from tests.unit.synthesis import ACCOUNT, REGION, allowed, may, new_stack, only, text, trusted_by

PARAMETERS = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/pythonbase/services/orders"


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    ReleaseRecord(stack, "Record", names=ReleaseNames("orders"))
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def definition(template: Template) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(
        text(only(template, "AWS::StepFunctions::StateMachine").properties["DefinitionString"])
    )
    return definition


def test_the_image_is_written_last(definition: dict[str, Any]) -> None:
    assert definition["StartAt"] == "RecordBaseImage"
    assert definition["States"]["RecordBaseImage"]["Next"] == "RecordImage"
    assert definition["States"]["RecordImage"]["End"] is True
    assert len(definition["States"]) == 2


def test_each_step_writes_one_parameter_from_its_input(definition: dict[str, Any]) -> None:
    written = {name: state["Parameters"] for name, state in definition["States"].items()}
    assert written == {
        "RecordBaseImage": {
            "Name": "/pythonbase/services/orders/base-image",
            "Type": "String",
            "Value.$": "$.baseImage",
            "Overwrite": True,
        },
        "RecordImage": {
            "Name": "/pythonbase/services/orders/image",
            "Type": "String",
            "Value.$": "$.image",
            "Overwrite": True,
        },
    }
    assert all(
        state["Resource"].endswith(":states:::aws-sdk:ssm:putParameter") for state in definition["States"].values()
    )


def test_the_input_is_kept_for_the_next_step(definition: dict[str, Any]) -> None:
    assert [state["ResultPath"] for state in definition["States"].values()] == [None, None]


def test_no_failure_is_swallowed(definition: dict[str, Any]) -> None:
    assert not any("Catch" in state for state in definition["States"].values())


def test_a_stuck_record_ends(definition: dict[str, Any]) -> None:
    assert definition["TimeoutSeconds"] == 300


def test_it_may_write_the_two_parameters_of_its_service_only(template: Template) -> None:
    rights = {action.lower(): resources for action, resources in allowed(template, "RecordStateMachineRole").items()}
    assert rights == {"ssm:putparameter": {f"{PARAMETERS}/image", f"{PARAMETERS}/base-image"}}
    assert trusted_by(template, "RecordStateMachineRole") == ["states.amazonaws.com"]


@pytest.mark.parametrize("action", ["ssm:DeleteParameter", "ssm:GetParameter", "ecs:UpdateService", "iam:PassRole"])
def test_it_may_not(template: Template, action: str) -> None:
    assert not may(allowed(template, "RecordStateMachineRole"), action)

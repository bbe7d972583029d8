"""`ConnectionWatch`: what starts it, what it decides, what it may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import Duration
from aws_cdk.assertions import Template

from pythonbase import ConnectionWatch
from tests.unit.synthesis import ACCOUNT, CONNECTION, REGION, allowed, may, new_stack, only, text, trusted_by

ROLE = "WatchStateMachineRole"
PIPELINES = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:*"


def _template(**arguments: Any) -> Template:
    stack = new_stack()
    ConnectionWatch(stack, "Watch", connection_arn=CONNECTION, **arguments)
    return Template.from_stack(stack)


def _definition(template: Template) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(
        text(only(template, "AWS::StepFunctions::StateMachine").properties["DefinitionString"])
    )
    return definition


@pytest.fixture(scope="module")
def template() -> Template:
    return _template()


@pytest.fixture(scope="module")
def definition(template: Template) -> dict[str, Any]:
    return _definition(template)


def test_a_failed_source_action_over_a_connection_starts_it(template: Template) -> None:
    rule = only(template, "AWS::Events::Rule").properties
    assert rule["State"] == "ENABLED"
    assert rule["EventPattern"] == {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {
            "stage": ["Source"],
            "state": ["FAILED"],
            "type": {"provider": ["CodeStarSourceConnection"]},
        },
    }
    assert len(rule["Targets"]) == 1


def test_only_a_connection_that_is_not_available_is_waited_for(definition: dict[str, Any]) -> None:
    choice = definition["States"]["IsAvailable"]
    assert [(item["Condition"], item["Next"]) for item in choice["Choices"]] == [
        ("{% $status != 'AVAILABLE' %}", "Pause"),
        ("{% $waited %}", "Execution"),
    ]
    assert definition["States"][choice["Default"]]["Type"] == "Succeed"
    assert definition["States"]["Pause"]["Next"] == "Connection"


def test_it_ends_after_30_days_or_as_set(definition: dict[str, Any]) -> None:
    assert definition["TimeoutSeconds"] == 30 * 24 * 3600
    assert _definition(_template(patience=Duration.days(3)))["TimeoutSeconds"] == 3 * 24 * 3600


def test_a_wait_of_30_days_fits_into_one_execution() -> None:
    # The pause as the state machine computes it; an execution may have 25,000 events, a poll is 9 of them:
    # task (5: entered, scheduled, started, succeeded, exited), choice (2), wait (2).
    elapsed = polls = 0
    while elapsed < 30 * 24 * 3600:
        elapsed += max(60, min(3600, round(elapsed / 10)))
        polls += 1
    assert polls * 9 < 25_000 / 2


def test_it_may_read_this_connection_and_retry_source_stages_or_start_their_pipelines(template: Template) -> None:
    assert allowed(template, ROLE) == {
        "codepipeline:GetPipeline": {PIPELINES},
        "codepipeline:GetPipelineExecution": {PIPELINES},
        "codepipeline:RetryStageExecution": {f"{PIPELINES}/Source"},
        "codepipeline:StartPipelineExecution": {PIPELINES},
        "codeconnections:GetConnection": {CONNECTION},
        "codestar-connections:GetConnection": {CONNECTION},
    }
    assert trusted_by(template, ROLE) == ["states.amazonaws.com"]


@pytest.mark.parametrize(
    "action",
    [
        "codepipeline:PutApprovalResult",
        "codepipeline:UpdatePipeline",
        "codepipeline:StopPipelineExecution",
        "codeconnections:UseConnection",
        "codeconnections:UpdateConnectionInstallation",
        "iam:PassRole",
    ],
)
def test_it_may_not(template: Template, action: str) -> None:
    assert not may(allowed(template, ROLE), action)

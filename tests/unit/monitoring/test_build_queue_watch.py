"""`BuildQueueWatch`: what starts it, how long it waits, what it may do. Its runs: tests/localcloud."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase import BuildQueueWatch
from pythonbase.monitoring.build_queue_watch import MOST_RETRIES
from tests.unit.synthesis import ACCOUNT, CONNECTION, REGION, allowed, may, new_stack, only, text, trusted_by

ROLE = "WatchStateMachineRole"
PIPELINES = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:*"


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    BuildQueueWatch(stack, "Watch", connection_arn=CONNECTION)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def definition(template: Template) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads(
        text(only(template, "AWS::StepFunctions::StateMachine").properties["DefinitionString"])
    )
    return definition


def test_a_failed_build_action_starts_it(template: Template) -> None:
    assert only(template, "AWS::Events::Rule").properties["EventPattern"] == {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {"stage": ["Build"], "state": ["FAILED"], "type": {"provider": ["CodeBuild"]}},
    }


def test_another_reason_ends_it_and_so_do_too_many_refusals(definition: dict[str, Any]) -> None:
    why = definition["States"]["Why"]
    assert [choice["Next"] for choice in why["Choices"]] == ["OtherReason", "GivenUp"]
    assert f"$refused > {MOST_RETRIES}" in why["Choices"][1]["Condition"]
    assert why["Default"] == "Pause"
    assert "Raise the account's quota" in definition["States"]["GivenUp"]["Cause"]


def test_it_retries_for_more_than_a_day_and_a_half() -> None:
    # The pause as the state machine computes it, with the mean of its random part.
    seconds = sum(min(3600, 60 * 2 ** min(6, refused - 1)) * 0.75 for refused in range(1, MOST_RETRIES + 1))
    assert 40 * 3600 < seconds < 42 * 3600


def test_it_may_retry_build_stages_of_this_connections_pipelines_and_nothing_else(template: Template) -> None:
    assert allowed(template, ROLE) == {
        "codepipeline:GetPipelineExecution": {PIPELINES},
        "codepipeline:ListActionExecutions": {PIPELINES},
        "codepipeline:RetryStageExecution": {f"{PIPELINES}/Build"},
        "codepipeline:StartPipelineExecution": {PIPELINES},
    }
    assert trusted_by(template, ROLE) == ["states.amazonaws.com"]
    (denied,) = [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    assert denied["Condition"] == {"StringNotEquals": {"aws:ResourceTag/pythonbase:connection": CONNECTION}}
    assert set(denied["Action"]) == set(allowed(template, ROLE))


@pytest.mark.parametrize("action", ["codebuild:StartBuild", "codepipeline:PutApprovalResult", "iam:PassRole"])
def test_it_may_not(template: Template, action: str) -> None:
    assert not may(allowed(template, ROLE), action)

"""The state machine that has recorded images released where something else runs."""

from __future__ import annotations

import json
from typing import Any

import jsonata  # type: ignore[import-untyped] # it has no types
import pytest
from aws_cdk.assertions import Template

from pythonbase import Network
from tests.unit.synthesis import ACCOUNT, REGION, allowed, new_stack, only, text


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    Network(stack, "Network")
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def definition(template: Template) -> dict[str, Any]:
    machine = only(template, "AWS::StepFunctions::StateMachine")
    loaded: dict[str, Any] = json.loads(text(machine.properties["DefinitionString"]))
    return loaded


def test_a_completed_deployment_and_every_hour_start_it(template: Template) -> None:
    rule = only(template, "AWS::Events::Rule").properties
    assert rule["EventPattern"] == {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Deployment State Change"],
        "detail": {"eventName": ["SERVICE_DEPLOYMENT_COMPLETED"]},
    }
    machine = "${NetworkReconcilerStateMachine}"
    assert [text(target["Arn"]) for target in rule["Targets"]] == [machine]
    schedule = only(template, "AWS::Scheduler::Schedule").properties
    assert (schedule["ScheduleExpression"], text(schedule["Target"]["Arn"])) == ("rate(1 hour)", machine)


def _release(definition: dict[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] = definition["States"]["Each"]["ItemProcessor"]["States"]["Release"]
    return state


def _arguments(definition: dict[str, Any], name: str) -> dict[str, Any]:
    expression = jsonata.Jsonata(_release(definition)["Arguments"].removeprefix("{%").removesuffix("%}"))
    frame = expression.create_frame()
    frame.bind("name", name)
    frame.bind("states", {"input": "arn:aws:ecs:r:a:service/cluster/orders-staging"})
    found: dict[str, Any] = expression.evaluate({}, frame)
    return found


def test_it_starts_releases_without_an_image_and_nothing_else(template: Template, definition: dict[str, Any]) -> None:
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders-staging-release"
    assert _arguments(definition, "") == {"StateMachineArn": machine, "Input": "{}"}
    rights = allowed(template, "NetworkReconcilerRole")
    assert rights.pop("states:StartExecution") == {f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:*-release"}
    assert rights.keys() == {"ecs:ListServices"}


def test_a_deployment_is_looked_at_once_so_that_a_rollback_is_not_tried_for_ever(definition: dict[str, Any]) -> None:
    assert _arguments(definition, "0123abc")["Name"] == "orders-staging-0123abc"
    assert "deploymentId" in definition["States"]["OfTheEvent"]["Assign"]["name"]
    assert "Sfn.ExecutionAlreadyExistsException" in _release(definition)["Catch"][0]["ErrorEquals"]


def test_the_event_of_another_cluster_starts_nothing(definition: dict[str, Any]) -> None:
    services = definition["States"]["OfTheEvent"]["Output"]["ServiceArns"]
    assert "$contains($, ':service/${NetworkCluster}/')" in services


def test_services_of_others_in_the_cluster_are_left_alone_and_other_failures_are_told(
    definition: dict[str, Any],
) -> None:
    known, others = _release(definition)["Catch"]
    assert "Sfn.StateMachineDoesNotExistException" in known["ErrorEquals"]
    assert (others["ErrorEquals"], others["Next"]) == (["States.ALL"], "NotStarted")
    assert definition["States"]["More"]["Choices"][1] == {"Condition": "{% $failed %}", "Next": "Failed"}


def test_all_pages_of_services_are_looked_at(definition: dict[str, Any]) -> None:
    assert definition["States"]["Each"]["Next"] == "More"
    assert definition["States"]["More"]["Choices"][0] == {"Condition": "{% $next != '' %}", "Next": "List"}

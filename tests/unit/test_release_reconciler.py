"""The state machine that has recorded images released where something else runs."""

from __future__ import annotations

import json
from typing import Any

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


def test_it_starts_releases_without_an_image_and_nothing_else(template: Template, definition: dict[str, Any]) -> None:
    release = definition["States"]["Each"]["ItemProcessor"]["States"]["Release"]
    assert release["Arguments"]["Input"] == "{}"
    rights = allowed(template, "NetworkReconcilerRole")
    assert rights.pop("states:StartExecution") == {f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:*-release"}
    assert rights.keys() == {"ecs:ListServices"}


def test_the_event_of_another_cluster_starts_nothing(definition: dict[str, Any]) -> None:
    services = definition["States"]["OfTheEvent"]["Output"]["ServiceArns"]
    assert "$contains($, ':service/${NetworkCluster}/')" in services


def test_services_of_others_in_the_cluster_are_left_alone(definition: dict[str, Any]) -> None:
    (catch,) = definition["States"]["Each"]["ItemProcessor"]["States"]["Release"]["Catch"]
    assert catch["ErrorEquals"] == ["Sfn.StateMachineDoesNotExistException"]


def test_all_pages_of_services_are_looked_at(definition: dict[str, Any]) -> None:
    assert definition["States"]["Each"]["Next"] == "More"
    (rule,) = definition["States"]["More"]["Choices"]
    assert rule == {"Condition": "{% $next != '' %}", "Next": "List"}

"""The state machine that has recorded images released where something else runs."""

from __future__ import annotations

import json
from typing import Any

import jsonata  # type: ignore[import-untyped] # it has no types
import pytest
from aws_cdk.assertions import Template

from pythonbase import Network
from tests.unit.synthesis import ACCOUNT, REGION, allowed, new_stack, only, text

CLUSTER = "NetworkCluster17B54D11"


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
    state: dict[str, Any] = _batch(definition)["Releases"]["ItemProcessor"]["States"]["Release"]
    return state


def _batch(definition: dict[str, Any]) -> dict[str, Any]:
    states: dict[str, Any] = definition["States"]["Batches"]["ItemProcessor"]["States"]
    return states


def _evaluate(text: str, **variables: Any) -> Any:
    expression = jsonata.Jsonata(text.removeprefix("{%").removesuffix("%}"))
    frame = expression.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    return expression.evaluate({}, frame)


def _arguments(definition: dict[str, Any], name: str) -> dict[str, Any]:
    states = {"input": {"service": "orders-staging", "same": False}}
    found: dict[str, Any] = _evaluate(_release(definition)["Arguments"], name=name, states=states)
    return found


def test_it_starts_releases_without_an_image_and_nothing_else(template: Template, definition: dict[str, Any]) -> None:
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders-staging-release"
    given = _arguments(definition, "")
    assert given.pop("StateMachineArn") == machine
    started = json.loads(given.pop("Input"))
    assert (started.keys(), started["by"]) == ({"by", "why"}, "reconciler")
    assert given == {}
    rights = allowed(template, "NetworkReconcilerRole")
    assert rights.pop("states:StartExecution") == {
        f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:*-release"
        f' if {{"StringEquals": {{"aws:ResourceTag/pythonbase:cluster": {{"Ref": "{CLUSTER}"}}}}}}'
    }
    assert rights == {
        "ecs:ListServices": {f'*{" if "}{{"ArnEquals": {{"ecs:cluster": {{"Fn::GetAtt": ["{CLUSTER}", "Arn"]}}}}}}'},
        "ecs:DescribeServices": {f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/${{NetworkCluster}}/*"},
        "ecs:DescribeTaskDefinition": {"*"},
        "ssm:GetParameters": {f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/pythonbase/services/*"},
    }


def test_a_deployment_is_looked_at_once_so_that_a_rollback_is_not_tried_for_ever(definition: dict[str, Any]) -> None:
    assert _arguments(definition, "0123abc")["Name"] == "orders-staging-0123abc"
    assert "deploymentId" in definition["States"]["OfTheEvent"]["Assign"]["name"]
    assert "Sfn.ExecutionAlreadyExistsException" in _release(definition)["Catch"][0]["ErrorEquals"]


def test_the_event_of_another_cluster_starts_nothing(definition: dict[str, Any]) -> None:
    services = definition["States"]["OfTheEvent"]["Output"]
    assert "$contains($, ':service/${NetworkCluster}/')" in services


def test_services_of_others_in_the_cluster_are_left_alone_and_other_failures_are_told(
    definition: dict[str, Any],
) -> None:
    tags = [{"Key": "pythonbase:record", "Value": "/pythonbase/services/orders/image"}]
    primary = [{"Status": "PRIMARY", "RolloutState": "COMPLETED"}]
    busy = [{"Status": "PRIMARY", "RolloutState": "IN_PROGRESS"}]
    services = [
        _service("orders", Tags=tags, Deployments=primary),
        _service("theirs", Tags=[{"Key": "team", "Value": "x"}], Deployments=primary),
        _service("bare", Deployments=primary),
        _service("busy", Tags=tags, Deployments=busy),
        _service("gone", Tags=tags, Deployments=primary, Status="INACTIVE"),
    ]
    output = _batch(definition)["Services"]["Output"]
    found = _evaluate(output, states={"result": {"Services": services}}, name="")
    record = "/pythonbase/services/orders/image"
    assert found == [{"service": "orders", "definition": "td:orders", "record": record}]
    # The event of a deployment comes when it is completed, and another may have begun.
    named = _evaluate(output, states={"result": {"Services": services}}, name="0123abc")
    assert [item["service"] for item in named] == ["orders", "busy"]
    assert _evaluate(output, states={"result": {"Services": services[1:2]}}, name="") == []
    for name in ("Services", "Records", "Definitions"):
        assert _batch(definition)[name]["Catch"] == [{"ErrorEquals": ["States.ALL"], "Next": "NotLooked"}]
    known, others = _release(definition)["Catch"]
    assert known["ErrorEquals"] == ["Sfn.ExecutionAlreadyExistsException"]
    assert (others["ErrorEquals"], others["Next"]) == (["States.ALL"], "NotStarted")
    assert definition["States"]["More"]["Choices"][1] == {"Condition": "{% $failed %}", "Next": "Failed"}


def _service(name: str, **members: Any) -> dict[str, Any]:
    return {"ServiceName": name, "TaskDefinition": f"td:{name}", "Status": "ACTIVE", **members}


def test_only_services_that_run_something_else_are_released(definition: dict[str, Any]) -> None:
    states = _batch(definition)
    listed = [{"service": "a", "record": "/a"}, {"service": "b", "record": "/b"}, {"service": "c", "record": "/c"}]
    result = {"Parameters": [{"Name": "/b", "Value": "img@2"}, {"Name": "/a", "Value": "img@1"}]}
    joined = _evaluate(states["Records"]["Output"], states={"input": listed, "result": result})
    assert [item["image"] for item in joined] == ["img@1", "img@2", ""]
    single = _evaluate(states["Records"]["Output"], states={"input": listed[:1], "result": result})
    assert [item["image"] for item in single] == ["img@1"]
    compare = states["Definitions"]["ItemProcessor"]["States"]["Definition"]["Output"]
    runs = {"result": {"TaskDefinition": {"ContainerDefinitions": [{"Image": "img@1"}, {"Image": "sidecar"}]}}}
    compared = [_evaluate(compare, states={**runs, "input": item}) for item in joined]
    assert [item["same"] for item in compared] == [True, False, False]
    left = _evaluate(states["Definitions"]["Output"], states={"result": compared})
    assert [item["service"] for item in left] == ["b", "c"]


def test_it_has_a_limit_and_an_hourly_look_at_a_thousand_services_is_cheap(definition: dict[str, Any]) -> None:
    assert definition["TimeoutSeconds"] == 3600
    services, batch, page = 1_000, 5, 100
    of_a_batch = len({"Services", "AreThere", "Records", "Definitions", "DoTheyDiffer", "Looked"})
    transitions = services + services // batch * of_a_batch + services // page * len({"List", "Batches", "More"}) + 4
    assert transitions == 2_234
    # $0.025 for 1,000 of them: https://aws.amazon.com/step-functions/pricing/
    assert transitions * 24 * 30 / 1_000 * 0.025 < 41


def test_the_descriptions_of_a_batch_fit_into_a_state(definition: dict[str, Any]) -> None:
    event = {"Id": "0" * 36, "CreatedAt": "2026-01-01T00:00:00.000Z", "Message": "x" * 300}
    largest = len(json.dumps([{"Events": [event] * 100, "Tags": [{"Key": "k" * 128, "Value": "v" * 256}] * 10}] * 5))
    assert largest < 256 * 1024
    assert "$partition($states.input, 5)" in definition["States"]["Batches"]["Items"]


def test_all_pages_of_services_are_looked_at(definition: dict[str, Any]) -> None:
    assert definition["States"]["Batches"]["Next"] == "More"
    assert definition["States"]["More"]["Choices"][0] == {"Condition": "{% $next != '' %}", "Next": "List"}

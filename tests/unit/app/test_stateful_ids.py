"""Ids and names of everything that holds state. A change here replaces or orphans something that people need:
it must be decided, never a side effect."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aws_cdk import App, CfnResource, RemovalPolicy, Stack
from aws_cdk.assertions import Template

from tests.unit.synthesis import SETTINGS, new_platform, platform_stacks, text

STATEFUL = {
    "AWS::ECR::Repository": ("RepositoryName", "all of its images, those that run included"),
    "AWS::SSM::Parameter": ("Name", "its value and history"),
    "Custom::ParameterPutOnce": ("Create", "what is released, and the history that a rollback needs"),
    "AWS::S3::Bucket": ("BucketName", "its objects"),
    "AWS::Logs::LogGroup": ("LogGroupName", "its log"),
    "AWS::CodeConnections::Connection": ("ConnectionName", "the handshake that a person finished in the console"),
    "AWS::CodeStarConnections::Connection": ("ConnectionName", "the handshake that a person finished in the console"),
    "AWS::KMS::Key": (None, "everything that is encrypted with it"),
    "AWS::DynamoDB::Table": ("TableName", "its items"),
    "AWS::DynamoDB::GlobalTable": ("TableName", "its items"),
    "AWS::SecretsManager::Secret": ("Name", "the secret"),
    "AWS::SQS::Queue": ("QueueName", "its messages"),
    "AWS::SNS::Topic": ("TopicName", "its subscriptions"),
    "AWS::EFS::FileSystem": (None, "its files"),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier", "its data"),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier", "its data"),
}
"""Type to the property with its physical name, and what is lost with it."""

PUT_ONCE = "Custom::ParameterPutOnce"
KEPT, FOREVER, GONE = "RetainExceptOnCreate", "Retain", "Delete"


@dataclass(frozen=True, order=True)
class State:
    """One stateful resource."""

    stack: str
    logical_id: str
    type: str
    name: str
    """Physical name; empty if CloudFormation chooses it."""
    fate: str
    """What happens to it when it is removed from the template or its stack is deleted."""

    def __str__(self) -> str:
        return f"{self.stack}/{self.logical_id} ({self.type} {self.name or 'without a fixed name'}, {self.fate})"


def _base_image(stack: str, name: str) -> set[State]:
    return {
        State(stack, "BaseImageRepository1679C922", "AWS::ECR::Repository", name, KEPT),
        State(stack, "BaseImageBuildLogs6F1071BF", "AWS::Logs::LogGroup", "", FOREVER),
        State(stack, "BaseImageFirstBuildLogsB7C2E479", "AWS::Logs::LogGroup", "", GONE),
    }


def _service(stack: str, name: str) -> set[State]:
    parameters = f"/pythonbase/services/{name}"
    return {
        State(f"{stack}State", "ReleaseRepository678F8464", "AWS::ECR::Repository", name, KEPT),
        State(f"{stack}State", "ReleaseRecordImage4D282351", PUT_ONCE, f"{parameters}/image", KEPT),
        State(f"{stack}State", "ReleaseRecordBaseImage1BADCD18", PUT_ONCE, f"{parameters}/base-image", KEPT),
        State(f"{stack}State", "ReleaseRecordReleaseF2DF706D", PUT_ONCE, f"{parameters}/release", KEPT),
        State(f"{stack}State", "ReleaseRecordLogs88C64342", "AWS::Logs::LogGroup", "", GONE),
        State(stack, "ServiceLogs205D48C6", "AWS::Logs::LogGroup", "", FOREVER),
        State(stack, "ServiceNewestRevisionLogsF029B20F", "AWS::Logs::LogGroup", "", GONE),
        State(stack, "PipelineArtifactsEB21E7E8", "AWS::S3::Bucket", "", KEPT),
        State(stack, "PipelineBuildLogs5483685E", "AWS::Logs::LogGroup", "", FOREVER),
    }


PINNED = {
    *_base_image("Pythonbase", "pythonbase"),
    *_base_image("PythonNext", "python-next"),
    State("Network", "NetworkFlowLogs2BEC3212", "AWS::Logs::LogGroup", "", GONE),
    State("Network", "NetworkReleaseLocks41683E46", "AWS::DynamoDB::Table", "", GONE),
    State("Bitbucket", "Connection", "AWS::CodeConnections::Connection", "pythonbase", KEPT),
    *_service("Orders", "orders"),
    *_service("OrdersApi", "orders-api"),
    *_service("Worker", "worker"),
}
# Not base images: a first deployment whose build fails is rolled back and tried again. Images are kept in any case.
PROTECTED = {"Bitbucket", "OrdersState", "OrdersApiState", "WorkerState"}

CONFIGURATION: dict[str, Any] = {
    "environment": SETTINGS["environment"],
    "base_images": [{"name": "pythonbase"}, {"name": "python-next", "path": "images/pythonbase"}],
    "services": [
        {"name": "orders", "repository": "acme/orders"},
        {"name": "orders-api", "repository": "acme/api", "base_image": "python-next", "load_balancer": "internal",
         "environment": {"LOG_LEVEL": "info"}, "secrets": {"DB": "orders/db"}, "deployment": {"server_errors": 5}},
        {"name": "worker", "repository": "acme/worker", "load_balancer": "none", "cpu": 1024, "memory": 2048,
         "deployment": {"strategy": "blue-green"}},
    ],
}  # fmt: skip
"""Everything that could change an id: several of each, and services that differ in every setting."""


@pytest.fixture(scope="module")
def app() -> App:
    return new_platform(CONFIGURATION)


@pytest.fixture(scope="module")
def templates(app: App) -> dict[str, dict[str, Any]]:
    return {name: dict(Template.from_stack(stack).to_json()) for name, stack in platform_stacks(app).items()}


def _states(templates: dict[str, dict[str, Any]]) -> set[State]:
    """Every resource of a stateful type, and every other one that the template keeps."""
    return {
        State(stack, logical_id, body["Type"], _name(body), body.get("DeletionPolicy", GONE))
        for stack, template in templates.items()
        for logical_id, body in template["Resources"].items()
        if body["Type"] in STATEFUL or body.get("DeletionPolicy", GONE) != GONE
    }


def _losses(found: set[State], pinned: set[State]) -> list[str]:
    """What a deployment would do to the state that is pinned, one line for each resource."""
    lines = []
    by_id = {(state.stack, state.logical_id): state for state in found}
    for state in sorted(pinned - found):
        now = by_id.get((state.stack, state.logical_id))
        lost = STATEFUL.get(state.type, (None, "what it holds"))[1]
        if now is None:
            left = "left behind, out of reach of the application" if state.fate != GONE else "deleted"
            lines.append(f"{state} is no longer in its template: it would be {left}, and with it {lost}")
        elif (now.type, now.name) != (state.type, state.name):
            lines.append(f"{state} is now {now}: it would be replaced by an empty one, which does not have {lost}")
        else:
            lines.append(f"{state} is now {now.fate}: its stack would take with it, or leave, {lost}")
    known = {(state.stack, state.logical_id) for state in pinned}
    lines += [
        f"{state} is new: pin it, so that nobody renames it by accident"
        for state in sorted(found)
        if (state.stack, state.logical_id) not in known
    ]
    return lines


def test_no_state_is_lost_and_every_stateful_resource_keeps_its_id_its_name_and_its_policy(
    templates: dict[str, dict[str, Any]],
) -> None:
    losses = _losses(_states(templates), PINNED)
    assert not losses, "\n".join(["this change touches state (docs/state.md):", *losses])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logical_id": "Renamed"}, "left behind, out of reach of the application, and with it all of its images"),
        ({"name": "billing"}, "would be replaced by an empty one, which does not have all of its images"),
        ({"fate": GONE}, "is now Delete: its stack would take with it, or leave, all of its images"),
        ({"stack": "Orders"}, "left behind"),
    ],
)
def test_a_change_is_reported_with_what_would_be_lost(change: dict[str, str], message: str) -> None:
    repository = State("OrdersState", "Repository", "AWS::ECR::Repository", "orders", KEPT)
    lines = _losses({replace(repository, **change)}, {repository})
    assert message in lines[0]
    assert lines[0].startswith("OrdersState/Repository (AWS::ECR::Repository orders, RetainExceptOnCreate)")


def test_a_stateful_resource_that_is_not_pinned_is_found_by_its_type_and_by_its_retention() -> None:
    stack = Stack(App(), "S")
    CfnResource(stack, "Table", type="AWS::DynamoDB::Table", properties={"TableName": "t"})
    CfnResource(stack, "Other", type="AWS::Other::Thing").apply_removal_policy(RemovalPolicy.RETAIN)
    CfnResource(stack, "Role", type="AWS::IAM::Role")
    found = _states({"S": dict(Template.from_stack(stack).to_json())})
    assert found == {
        State("S", "Table", "AWS::DynamoDB::Table", "t", GONE),
        State("S", "Other", "AWS::Other::Thing", "", FOREVER),
    }
    assert [line.rpartition(" is new: ")[2] for line in _losses(found, set())] == [
        "pin it, so that nobody renames it by accident"
    ] * 2


def test_every_stack_is_checked(templates: dict[str, dict[str, Any]]) -> None:
    assert templates.keys() == {state.stack for state in PINNED}


def test_replacing_a_retained_resource_keeps_the_old_one(templates: dict[str, dict[str, Any]]) -> None:
    for state in PINNED:
        kept = templates[state.stack]["Resources"][state.logical_id]["UpdateReplacePolicy"]
        assert kept == ("Delete" if state.fate == GONE else "Retain"), state


def test_names_that_other_systems_use_are_pinned(templates: dict[str, dict[str, Any]]) -> None:
    resources = templates["Orders"]["Resources"]
    named = {
        body["Type"]: next(
            body["Properties"][key] for key in ("Name", "ServiceName", "Family") if key in body["Properties"]
        )
        for body in resources.values()
        if body["Type"] in {"AWS::CodePipeline::Pipeline", "AWS::ECS::Service", "AWS::ECS::TaskDefinition"}
    }
    assert named == {
        "AWS::CodePipeline::Pipeline": "orders",
        "AWS::ECS::Service": "orders",
        "AWS::ECS::TaskDefinition": "orders",
    }


def test_no_other_resource_has_a_fixed_name(templates: dict[str, dict[str, Any]]) -> None:
    # A fixed name blocks replacement and a second copy in the account.
    keys = {
        "RoleName",
        "BucketName",
        "LogGroupName",
        "FunctionName",
        "StateMachineName",
        "ClusterName",
        "GroupName",
        "Name",
    }
    types = {"AWS::IAM::Role", "AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::Lambda::Function", "AWS::ECS::Cluster",
             "AWS::StepFunctions::StateMachine", "AWS::CodeBuild::Project", "AWS::EC2::SecurityGroup"}  # fmt: skip
    named = [
        (stack, logical_id)
        for stack, template in templates.items()
        for logical_id, body in template["Resources"].items()
        if body["Type"] in types and keys & body.get("Properties", {}).keys()
    ]
    # People and pipelines start releases by this name.
    assert named == [(stack, "ServiceReleaseStateMachine434AE29E") for stack in ("Orders", "OrdersApi", "Worker")]


def test_stacks_with_state_are_protected_and_the_others_can_be_deleted(app: App) -> None:
    protected = {name for name, stack in platform_stacks(app).items() if stack.termination_protection}
    assert protected == PROTECTED


def test_the_stacks_are_called_what_their_ids_say(app: App) -> None:
    assert {stack.stack_name for stack in platform_stacks(app).values()} == set(platform_stacks(app))


def _name(body: dict[str, Any]) -> str:
    key = STATEFUL.get(body["Type"], (None, ""))[0]
    value = body.get("Properties", {}).get(key)
    if body["Type"] == PUT_ONCE:
        return str(json.loads(text(value))["parameters"]["Name"])
    return "" if value is None else text(value)

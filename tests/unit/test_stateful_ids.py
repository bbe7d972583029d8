"""Ids and names of everything that holds state. A change here replaces or orphans something that people need:
it must be decided, never a side effect."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, CfnResource, Stack
from aws_cdk.assertions import Template

from tests.unit.synthesis import SETTINGS, new_platform, platform_stacks, text

NAME_PROPERTIES = {
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::SSM::Parameter": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::CodeConnections::Connection": "ConnectionName",
}

# stack, logical id, physical name (None: CloudFormation chooses it), what happens when it leaves the template
PINNED = {
    ("Pythonbase", "BaseImageRepository1679C922", "pythonbase", "RetainExceptOnCreate"),
    ("Pythonbase", "BaseImageBuildLogs6F1071BF", None, "Retain"),
    ("Pythonbase", "BaseImageFirstBuildLogsB7C2E479", None, "Delete"),
    ("Network", "NetworkFlowLogs2BEC3212", None, "Delete"),
    ("Network", "NetworkReleaseLocks41683E46", None, "Delete"),
    ("Bitbucket", "Connection", "pythonbase", "RetainExceptOnCreate"),
    ("OrdersState", "ReleaseRepository678F8464", "orders", "RetainExceptOnCreate"),
    ("OrdersState", "ReleaseImageC420478C", "/pythonbase/services/orders/image", "RetainExceptOnCreate"),
    ("OrdersState", "ReleaseBaseImageD20331ED", "/pythonbase/services/orders/base-image", "RetainExceptOnCreate"),
    ("OrdersState", "ReleaseDescription9C2FCCE2", "/pythonbase/services/orders/release", "RetainExceptOnCreate"),
    ("Orders", "ServiceLogs205D48C6", None, "Retain"),
    ("Orders", "ServiceReleasedImageLogs63A85073", None, "Delete"),
    ("Orders", "PipelineArtifactsEB21E7E8", None, "RetainExceptOnCreate"),
    ("Orders", "PipelineBuildLogs5483685E", None, "Retain"),
}  # fmt: skip
# Not Pythonbase: a first deployment whose build fails is rolled back and tried again. Its images are kept in any case.
PROTECTED = {"Bitbucket", "OrdersState"}


@pytest.fixture(scope="module")
def app() -> App:
    return new_platform({**SETTINGS, "bitbucket": {}})


@pytest.fixture(scope="module")
def templates(app: App) -> dict[str, dict[str, Any]]:
    return {name: dict(Template.from_stack(stack).to_json()) for name, stack in platform_stacks(app).items()}


def test_every_stateful_resource_keeps_its_id_its_name_and_its_fate(templates: dict[str, dict[str, Any]]) -> None:
    found = {
        (stack, logical_id, _name(body), body.get("DeletionPolicy"))
        for stack, template in templates.items()
        for logical_id, body in template["Resources"].items()
        if body["Type"] in NAME_PROPERTIES
    }
    assert found == PINNED


def test_replacing_a_retained_resource_keeps_the_old_one(templates: dict[str, dict[str, Any]]) -> None:
    for stack, logical_id, _, fate in PINNED:
        kept = templates[stack]["Resources"][logical_id]["UpdateReplacePolicy"]
        assert kept == ("Retain" if fate.startswith("Retain") else "Delete")


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
    assert named == [("Orders", "ServiceReleaseStateMachine434AE29E")]


def test_stacks_with_state_are_protected_and_the_others_can_be_deleted(app: App) -> None:
    protected = {name for name, stack in platform_stacks(app).items() if stack.termination_protection}
    assert protected == PROTECTED


def test_the_stacks_of_a_service_read_well(app: App) -> None:
    assert set(platform_stacks(app)) == {"Pythonbase", "Network", "Bitbucket", "OrdersState", "Orders"}
    assert {stack.stack_name for stack in platform_stacks(app).values()} == set(platform_stacks(app))


def test_a_removed_retain_would_be_seen() -> None:
    stack = Stack(App(), "S")
    CfnResource(stack, "R", type="AWS::ECR::Repository", properties={"RepositoryName": "x1"})
    body = Template.from_stack(stack).to_json()["Resources"]["R"]
    assert (_name(body), body.get("DeletionPolicy")) == ("x1", None)


def _name(body: dict[str, Any]) -> str | None:
    value = body.get("Properties", {}).get(NAME_PROPERTIES[body["Type"]])
    return None if value is None else text(value)

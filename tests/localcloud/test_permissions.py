"""The roles of the templates are enforced: without one needed permission, the run fails and says which."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import caller, service_role, unique, wait_for
from tests.localcloud.changes import BASE_IMAGE_CONVENTION, dockerfile
from tests.localcloud.conftest import Platform

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("platform", order=6)]


@contextmanager
def _without(platform: Platform, role: str, actions: set[str]) -> Iterator[None]:
    """Take actions out of the inline policy of a role of the stack Hello, and put them back."""
    iam = platform.cloud.client("iam")
    role_name = _role_name(platform, role)
    # Beside it, the role of a build has the policy of its script.
    policies = iam.list_role_policies(RoleName=role_name)["PolicyNames"]
    (policy_name,) = [name for name in policies if "DefaultPolicy" in name]
    document: dict[str, Any] = iam.get_role_policy(RoleName=role_name, PolicyName=policy_name)["PolicyDocument"]
    reduced = copy.deepcopy(document)
    for statement in reduced["Statement"]:
        named = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        # A statement must have an action: this one helps nobody.
        statement["Action"] = [action for action in named if action not in actions] or ["sts:GetCallerIdentity"]
    assert {*_actions(document)} - {*_actions(reduced)} == actions, f"{role} has no {actions} to take away"
    _put(iam, role_name, policy_name, reduced)
    try:
        yield
    finally:
        _put(iam, role_name, policy_name, document)


def _actions(document: dict[str, Any]) -> Iterator[str]:
    for statement in document["Statement"]:
        actions = statement["Action"]
        yield from [actions] if isinstance(actions, str) else actions


def _put(iam: Any, role_name: str, policy_name: str, document: dict[str, Any]) -> None:
    iam.put_role_policy(RoleName=role_name, PolicyName=policy_name, PolicyDocument=json.dumps(document))


def _role_name(platform: Platform, path: str, *, stack: str = "Hello") -> str:
    """Physical name of a role by the start of its logical id."""
    resources = platform.cloud.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    (name,) = [
        resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::IAM::Role"
        and re.fullmatch(f"{path}[0-9A-F]{{8}}", resource["LogicalResourceId"])
    ]
    return str(name)


@pytest.mark.parametrize(
    ("role", "actions", "stage"),
    [
        ("PipelineBuildRole", {"ecr:PutImage"}, "Build"),
        ("PipelineRolesSource", {"codeconnections:UseConnection", "codestar-connections:UseConnection"}, "Source"),
        ("PipelineRolesDeploy", {"states:StartExecution"}, "Deploy"),
        ("ServiceReleaseRole", {"ecs:UpdateService"}, "Deploy"),
        ("ServiceReleaseRole", {"iam:PassRole"}, "Deploy"),
        ("ServiceReleaseRole", {"ecs:DescribeTasks"}, "Deploy"),
        ("ServiceReleaseRole", {"ssm:PutParameter"}, "Deploy"),
        ("ServiceExecutionRole", {"ecr:BatchGetImage"}, "Deploy"),
    ],
)
def test_without_a_needed_permission_the_release_fails(
    platform: Platform, tmp_path: Path, role: str, actions: set[str], stage: str
) -> None:
    before = platform.running_image()
    with _without(platform, role, actions):
        commit = platform.push(tmp_path, dockerfile(BASE_IMAGE_CONVENTION), message=f"Release without {actions}")
        execution = platform.wait_for_end(commit)
        assert execution["status"] == "Failed"
        failure = platform.failure(execution)
    assert failure["stageName"] == stage
    said = failure["output"]["executionResult"]["errorDetails"]["message"]
    if stage == "Build":
        said += platform.build_log(execution)
    if role == "ServiceExecutionRole":
        said += _why_tasks_stopped(platform)
    assert any(action.lower() in said.lower() for action in actions), said
    assert "not authorized" in said or "AccessDenied" in said, said
    platform.get()
    # Where ECS could not be asked what runs, nothing is put back: the reconciler does it.
    wait_for(lambda: _runs(platform) == before, seconds=120)


def _runs(platform: Platform) -> str:
    """The image that runs; empty while one replaces another."""
    try:
        return platform.running_image()
    except AssertionError:
        return ""


def _why_tasks_stopped(platform: Platform) -> str:
    ecs, cluster = platform.cloud.client("ecs"), platform.cluster
    stopped = ecs.list_tasks(cluster=cluster, serviceName="hello", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=stopped)["tasks"]
    return "\n".join(str(task.get("stoppedReason")) for task in tasks)


def test_with_its_permissions_back_the_release_succeeds(platform: Platform, tmp_path: Path) -> None:
    commit = platform.push(tmp_path, dockerfile(BASE_IMAGE_CONVENTION), message="Release with all permissions")
    assert platform.wait_for_end(commit)["status"] == "Succeeded"


# -- what the conditions of roles keep out -----------------------------------------------------------------------------


def _as_role(platform: Platform, path: str, *, stack: str) -> Callable[[str], Any]:
    """Clients of somebody who may do what a role of a stack may, and nothing else."""
    iam = platform.cloud.client("iam")
    role_name = _role_name(platform, path, stack=stack)
    statements = [
        statement
        for policy in iam.list_role_policies(RoleName=role_name)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=role_name, PolicyName=policy)["PolicyDocument"]["Statement"]
    ]
    return caller(platform.cloud, *statements)


def _physical_id(platform: Platform, resource_type: str, *, stack: str) -> str:
    resources = platform.cloud.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    (name,) = [item["PhysicalResourceId"] for item in resources if item["ResourceType"] == resource_type]
    return str(name)


def test_a_release_reaches_the_locks_of_its_own_service_only(platform: Platform) -> None:
    table = _physical_id(platform, "AWS::DynamoDB::Table", stack="Network")
    (key,) = platform.cloud.client("dynamodb").describe_table(TableName=table)["Table"]["KeySchema"]
    mine = _as_role(platform, "ServiceReleaseRole", stack="Hello")("dynamodb")
    for own in ("hello", "hello#failures"):
        mine.get_item(TableName=table, Key={key["AttributeName"]: {"S": own}})
    for other in ("orders", "hello-production", "orders#failures"):
        item = {key["AttributeName"]: {"S": other}}
        for attempt in (partial(mine.get_item, Key=item), partial(mine.put_item, Item=item)):
            with pytest.raises(ClientError, match="AccessDenied"):
                attempt(TableName=table)


def test_a_release_registers_revisions_and_writes_records_of_its_own_service_only(platform: Platform) -> None:
    mine = _as_role(platform, "ServiceReleaseRole", stack="Hello")
    with pytest.raises(ClientError, match="AccessDenied"):
        mine("ecs").register_task_definition(family="orders", containerDefinitions=[{"name": "app", "image": "a"}])
    for name in ("/pythonbase/services/orders/image", "/pythonbase/services/hello/production/image"):
        with pytest.raises(ClientError, match="AccessDenied"):
            mine("ssm").put_parameter(Name=name, Value="v", Type="String", Overwrite=True)


def test_the_reconciler_starts_state_machines_with_the_tag_of_its_cluster_only(platform: Platform) -> None:
    sfn = platform.cloud.client("stepfunctions")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    role = service_role(platform.cloud, "states.amazonaws.com")
    reconciler = _as_role(platform, "NetworkReconcilerRole", stack="Network")("stepfunctions")

    def start(tags: dict[str, str], name: str) -> None:
        machine = sfn.create_state_machine(
            name=unique("stranger") + name,
            definition=definition,
            roleArn=role,
            tags=[{"key": key, "value": value} for key, value in tags.items()],
        )["stateMachineArn"]
        reconciler.start_execution(stateMachineArn=machine)

    start({"pythonbase:cluster": platform.cluster}, "-release")
    refused: tuple[tuple[dict[str, str], str], ...] = (
        ({}, "-release"),
        ({"pythonbase:cluster": "another"}, "-release"),
        ({"pythonbase:cluster": platform.cluster}, "-other"),
    )
    for tags, name in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            start(tags, name)

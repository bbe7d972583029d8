"""What CloudFormation refuses on AWS and MiniStack takes: names that are taken, states that nothing leads to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from pythonbase_localcloud.testing.callers import service_role, unique

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud


def _create(cloud: Cloud, resource: dict[str, Any]) -> tuple[str, list[str]]:
    """Create a stack of one resource: its name, and why resources could not be created."""
    client, name = cloud.client("cloudformation"), unique("refused")
    client.create_stack(
        StackName=name,
        TemplateBody=json.dumps({"Resources": {"It": resource}}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    try:
        client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    except WaiterError:
        events = client.describe_stack_events(StackName=name)["StackEvents"]
        return name, [item["ResourceStatusReason"] for item in events if item["ResourceStatus"] == "CREATE_FAILED"]
    return name, []


def test_a_repository_whose_name_is_taken_is_not_created_and_stays(cloud: Cloud) -> None:
    ecr, name = cloud.client("ecr"), unique("taken")
    ecr.create_repository(repositoryName=name)
    _, reasons = _create(cloud, {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": name}})
    assert any(
        f"Resource of type 'AWS::ECR::Repository' with identifier '{name}' already exists" in why for why in reasons
    )
    assert ecr.describe_repositories(repositoryNames=[name])["repositories"]


def test_a_role_whose_name_is_taken_is_not_created_and_stays(cloud: Cloud) -> None:
    role = service_role(cloud, "states.amazonaws.com").rsplit("/", 1)[-1]
    document = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
    properties = {"RoleName": role, "AssumeRolePolicyDocument": document}
    _, reasons = _create(cloud, {"Type": "AWS::IAM::Role", "Properties": properties})
    assert any(f"with identifier '{role}' already exists" in why for why in reasons)
    trust = cloud.client("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert "states.amazonaws.com" in json.dumps(trust)


@pytest.mark.parametrize(
    ("states", "refused"),
    [
        ({"A": {"Type": "Pass", "End": True}, "B": {"Type": "Succeed"}}, "B"),
        ({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}, ""),
        (
            {"A": {"Type": "Choice", "Choices": [{"Condition": "{% true %}", "Next": "B"}]}, "B": {"Type": "Succeed"}},
            "",
        ),
        (
            {
                "A": {
                    "Type": "Parallel",
                    "End": True,
                    "Branches": [{"StartAt": "C", "States": {"C": {"Type": "Succeed"}, "D": {"Type": "Succeed"}}}],
                }
            },
            "D",
        ),
    ],
)
def test_a_state_machine_with_a_state_that_nothing_leads_to_is_refused(
    cloud: Cloud, states: dict[str, Any], refused: str
) -> None:
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "A", "States": states})
    properties = {"RoleArn": service_role(cloud, "states.amazonaws.com"), "DefinitionString": definition}
    _, reasons = _create(cloud, {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties})
    if refused:
        assert any(f'State "{refused}" is not reachable' in why for why in reasons), reasons
    else:
        assert reasons == []


def test_of_a_deleted_stack_nothing_is_told_by_name(cloud: Cloud) -> None:
    client = cloud.client("cloudformation")
    name, reasons = _create(cloud, {"Type": "AWS::Logs::LogGroup"})
    assert reasons == []
    assert client.list_stack_resources(StackName=name)["StackResourceSummaries"]
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match=f"Stack with id {name} does not exist"):
        client.list_stack_resources(StackName=name)

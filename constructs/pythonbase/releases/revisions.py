"""The permissions of those who register revisions of a service's task definition."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.releases.names import ReleaseNames

ECS_PERMISSIONS = (
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html"
)
"""Which of ECS's actions have resource-level permissions."""


def revisions_of(scope: Construct, names: ReleaseNames) -> str:
    """ARN of every revision of the service's task definition."""
    return Stack.of(scope).format_arn(
        service="ecs", resource="task-definition", resource_name=f"{names.deployed_name}:*"
    )


def register_revisions(scope: Construct, names: ReleaseNames) -> list[iam.PolicyStatement]:
    """Read task definitions, and register revisions of this service's one."""
    revisions = revisions_of(scope, names)
    # Before it is registered, a revision has no number yet.
    family = [revisions.removesuffix(":*"), revisions]
    return [
        iam.PolicyStatement(actions=["ecs:DescribeTaskDefinition"], resources=["*"]),
        iam.PolicyStatement(actions=["ecs:RegisterTaskDefinition"], resources=family),
        iam.PolicyStatement(
            actions=["ecs:TagResource"],
            resources=family,
            conditions={"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
        ),
    ]

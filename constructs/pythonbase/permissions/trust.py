"""Who may assume a role."""

from __future__ import annotations

from aws_cdk import CfnResource, Stack
from constructs import IConstruct


def for_own_account(role: IConstruct) -> None:
    """Let an AWS service assume the role only on behalf of the role's own account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html. Not for roles of Lambda functions and ECS
    execution roles: AWS does not document that the service sends the account for these.

    Args:
        role: A role that one service may assume, ours or one that the CDK library created.
    """
    resource = next(item for item in (role.node.default_child, role) if isinstance(item, CfnResource))
    resource.add_property_override(
        "AssumeRolePolicyDocument.Statement.0.Condition",
        {"StringEquals": {"aws:SourceAccount": Stack.of(role).account}},
    )

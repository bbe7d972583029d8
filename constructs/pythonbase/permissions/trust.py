"""Who may assume a role."""

from __future__ import annotations

from aws_cdk import CfnResource, Stack
from constructs import IConstruct


def for_own_account(role: IConstruct) -> None:
    """Let an AWS service assume the role only for something of the role's own account, not for somebody else's.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html. Not for roles of Lambda functions and ECS
    execution roles: for these no page says that the service sends the account.

    Args:
        role: A role that one service may assume, ours or one that the CDK library made.
    """
    resource = next(item for item in (role.node.default_child, role) if isinstance(item, CfnResource))
    resource.add_property_override(
        "AssumeRolePolicyDocument.Statement.0.Condition",
        {"StringEquals": {"aws:SourceAccount": Stack.of(role).account}},
    )

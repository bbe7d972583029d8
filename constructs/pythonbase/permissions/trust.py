"""Who may assume a role, and how other accounts name it."""

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


def role_arn(scope: IConstruct, name: str, *, account: str | None = None) -> str:
    """ARN of a role with a fixed name, which need not exist yet.

    Args:
        scope: A construct of the stack that uses the ARN.
        name: Name of the role.
        account: Its AWS account. Default: the stack's.
    """
    return Stack.of(scope).format_arn(service="iam", region="", account=account, resource="role", resource_name=name)

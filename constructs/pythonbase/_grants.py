"""Permissions that the CDK library would make wider than they need to be."""

from __future__ import annotations

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import IConstruct


def read_secret(secret: secretsmanager.ISecret) -> iam.PolicyStatement:
    """Read the value of a secret; the CDK library would add its description."""
    # The name of a secret is followed by six characters, which who knows only the name cannot know:
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
    resource = secret.secret_full_arn or f"{secret.secret_arn}-??????"
    return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[resource])


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

"""Permissions on the pipelines of one connection: which pipelines there are is not known when the stack is deployed."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.pipelines.bitbucket_source import CONNECTION_TAG


def pipelines_of(scope: Construct) -> str:
    """ARN of the pipelines in the account and Region of the stack."""
    return Stack.of(scope).format_arn(service="codepipeline", resource="*")


def stages_of(scope: Construct, stage: str) -> str:
    """ARN of the stages of that name in the account and Region of the stack."""
    return Stack.of(scope).format_arn(service="codepipeline", resource="*", resource_name=stage)


def only_pipelines_of(
    connection_arn: str, scope: Construct, *, stage: str | None = None, actions: Sequence[str]
) -> iam.PolicyStatement:
    """Denies the actions on pipelines without the connection's tag.

    Args:
        connection_arn: The connection.
        scope: In the stack whose account and Region the pipelines are in.
        stage: Name of the stages, if some of the actions are on stages.
        actions: The actions that are denied.
    """
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=[*actions],
        resources=[pipelines_of(scope), *([stages_of(scope, stage)] if stage else [])],
        conditions={"StringNotEquals": {f"aws:ResourceTag/{CONNECTION_TAG}": connection_arn}},
    )

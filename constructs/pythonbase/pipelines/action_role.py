"""The role of one action of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from constructs import Construct


def action_role(
    scope: Construct, construct_id: str, pipeline_role: iam.Role, statements: Iterable[iam.PolicyStatement]
) -> iam.Role:
    """A role that only the pipeline's role may assume.

    Args:
        scope: Parent of the role.
        construct_id: Id in the parent.
        pipeline_role: The role of the pipeline, which gets the permission to assume this one.
        statements: What the action may do.
    """
    role = iam.Role(scope, construct_id, assumed_by=iam.ArnPrincipal(pipeline_role.role_arn))
    for statement in statements:
        role.add_to_policy(statement)
    pipeline_role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[role.role_arn]))
    return role

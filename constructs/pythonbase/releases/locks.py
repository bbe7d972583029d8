"""Who releases to which service right now."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge

LOCK_KEY = "Service"
"""Name of the table's key: the name of the ECS service that is released to."""

FAILURES_SUFFIX = "#failures"
"""End of the key of the item that counts what the reconciler has tried in vain."""


def lock_keys(deployed_name: str) -> tuple[str, str]:
    """Keys of the items of one service: its lock, and its failures."""
    return deployed_name, f"{deployed_name}{FAILURES_SUFFIX}"


def release_locks(scope: Construct, construct_id: str) -> dynamodb.Table:
    """A DynamoDB table with one item for each release that runs, so that two of them never interleave.

    Not retained: nothing in it outlives a release but the counts of failures, without which the reconciler tries again.

    Args:
        scope: Parent of the table.
        construct_id: Id of the table in its parent.
    """
    table = dynamodb.Table(
        scope,
        construct_id,
        partition_key=dynamodb.Attribute(name=LOCK_KEY, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        removal_policy=RemovalPolicy.DESTROY,
    )
    acknowledge(
        table,
        {
            "AwsSolutions-DDB3": "an item lives as long as one release, or counts failures; there is nothing to "
            "restore from a backup"
        },
    )
    return table

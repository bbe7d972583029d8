"""What the CDK library grants its provider framework for custom resources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from aws_cdk import CfnElement, Stack
from aws_cdk import custom_resources as custom
from constructs import IConstruct

from pythonbase.permissions.acknowledge import acknowledge

_LOGGING = "arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def acknowledge_provider(provider: custom.Provider, functions: Iterable[IConstruct]) -> None:
    """Acknowledge the permissions of a provider: the CDK library sets them, and they cannot be narrowed here.

    Args:
        provider: The provider of a custom resource.
        functions: The Lambda functions that its framework calls.
    """
    reasons = {
        f"AwsSolutions-IAM4[Policy::{_LOGGING}]": (
            "the CDK library gives its provider framework this policy: it allows writing logs only"
        )
    }
    for function in functions:
        logical_id = Stack.of(provider).get_logical_id(cast(CfnElement, function.node.default_child))
        reasons[f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>:*]"] = (
            "the CDK library lets its provider framework call any version of this one function"
        )
    acknowledge(provider, reasons)

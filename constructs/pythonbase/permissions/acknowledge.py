"""Acknowledges findings of validation plugins such as cdk-nag."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Accept findings on this construct and below it.

    Args:
        construct: The narrowest construct that shows the findings.
        reasons: Finding id (``AwsSolutions-IAM5[Resource::*]``) to a reason that a reader can check.
    """
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=finding, reason=reason) for finding, reason in reasons.items())
    )


def wildcard_resource(construct: IConstruct, arn: str) -> str:
    """Id of cdk-nag's finding for a policy statement with this resource ARN, which may contain CDK tokens."""
    return f"AwsSolutions-IAM5[Resource::{_flatten(Stack.of(construct).resolve(arn))}]"


def _flatten(value: Any) -> str:
    """A resolved value the way cdk-nag writes it in the ids of findings."""
    if isinstance(value, str):
        return value
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_flatten(part) for part in parts)
    return json.dumps(value, separators=(",", ":"))

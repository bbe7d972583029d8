"""Whether the secrets that the configuration names exist. Their values are not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from pythonbase_operations.doctor.aws import Aws, code_of, side_by_side
from pythonbase_operations.doctor.declared import Platform, Secret
from pythonbase_operations.doctor.finding import Finding


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read the description of each secret."""
    references = sorted({secret.reference for secret in platform.secrets})
    described = dict(zip(references, side_by_side(lambda item: _describe(aws, item), references), strict=True))
    return [finding for secret in platform.secrets for finding in judge(secret, described[secret.reference])]


def _describe(aws: Aws, reference: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = aws.client("secretsmanager").describe_secret(SecretId=reference)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise
    return found


def judge(secret: Secret, described: Mapping[str, Any] | None) -> list[Finding]:
    """What the description of a secret means; None: there is none."""
    if described is None:
        if secret.reference.startswith("arn:"):
            fix = "write the ARN of a secret of this account and Region"
        else:
            fix = f"aws secretsmanager create-secret --name {secret.reference} --secret-string file://value.txt"
        return [Finding(place=secret.place, what=f"there is no secret {secret.reference}", fix=fix)]
    if described.get("DeletedDate"):
        fix = f"aws secretsmanager restore-secret --secret-id {secret.reference}"
        return [Finding(place=secret.place, what=f"the secret {secret.reference} is scheduled for deletion", fix=fix)]
    return []

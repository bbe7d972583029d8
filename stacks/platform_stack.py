"""What all stacks of the application have in common."""

from __future__ import annotations

from aws_cdk import Fn, Stack
from aws_cdk import aws_secretsmanager as secretsmanager

_MOST_AZS = 3


class PlatformStack(Stack):
    """A stack whose template depends on nothing but the settings.

    The CDK library would ask the account for its Availability Zones when account and Region are known, so that the
    same settings gave other templates elsewhere. CloudFormation chooses them here.
    """

    @property
    def availability_zones(self) -> list[str]:
        """The Region's first Availability Zones, resolved at deployment."""
        return [Fn.select(index, Fn.get_azs()) for index in range(_MOST_AZS)]

    def secret(self, construct_id: str, reference: str) -> secretsmanager.ISecret:
        """A secret that somebody made, by its name or its whole ARN."""
        if reference.startswith("arn:"):
            return secretsmanager.Secret.from_secret_complete_arn(self, construct_id, reference)
        return secretsmanager.Secret.from_secret_name_v2(self, construct_id, reference)

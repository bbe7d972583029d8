"""What all stacks of the application have in common."""

from __future__ import annotations

from aws_cdk import Fn, Stack

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

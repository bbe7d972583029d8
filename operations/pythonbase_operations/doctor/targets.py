"""What a service of the configuration is called in AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A place that a service is deployed to.

    Args:
        service: Name of the service.
        environment: Name of the environment, such as ``staging``. None: the service has no environments.
    """

    service: str
    environment: str | None = None

    @property
    def name(self) -> str:
        """Name of the ECS service and of the task family."""
        return f"{self.service}-{self.environment}" if self.environment else self.service

    @property
    def image_parameter(self) -> str:
        """Name of the SSM parameter with the released image."""
        folder = f"{self.service}/{self.environment}" if self.environment else self.service
        return f"/pythonbase/services/{folder}/image"


def targets_of(service: str, environments: Sequence[str] = ()) -> tuple[Target, ...]:
    """Where a service is deployed to, in the order of its environments."""
    return tuple(Target(service, environment) for environment in environments) or (Target(service),)

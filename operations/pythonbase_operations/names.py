"""The physical names that belong to a service.

The same as ``pythonbase.ReleaseNames``, which needs the CDK library; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_ROOT = "/pythonbase/services"


@dataclass(frozen=True)
class Names:
    """Names that belong to one service in one environment; ``environment`` is empty if the service has none."""

    service: str
    environment: str = ""

    @property
    def folder(self) -> str:
        """Path of the SSM parameters."""
        return "/".join(part for part in (_ROOT, self.service, self.environment) if part)

    @property
    def image_parameter(self) -> str:
        """SSM parameter of the released image."""
        return f"{self.folder}/image"

    @property
    def release_parameter(self) -> str:
        """SSM parameter that describes the release; its versions are the history."""
        return f"{self.folder}/release"

    @property
    def deployed(self) -> str:
        """Name of the ECS service."""
        return f"{self.service}-{self.environment}" if self.environment else self.service

    @property
    def state_machine(self) -> str:
        """Name of the state machine that releases."""
        return f"{self.deployed}-release"


def names_of(service: str, environments: Sequence[str] = ()) -> tuple[Names, ...]:
    """The names of a service in each of its environments, in their order."""
    return tuple(Names(service, environment) for environment in environments) or (Names(service),)


def service_folder(service: str) -> str:
    """Path of all SSM parameters of a service."""
    return f"{_ROOT}/{service}"

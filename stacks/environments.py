"""What a service is in one of its environments, and where that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the model's checks use this module
    from stacks.settings_model import Network, Service, ServiceEnvironment, Settings


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an environment is, as far as it differs from where the pipeline is.

    Attributes:
        account: its AWS account, None for the pipeline's.
        region: its Region, None for the pipeline's.
        network: what is set of its own network.
    """

    account: str | None = None
    region: str | None = None
    network: Network | None = None

    @property
    def is_shared(self) -> bool:
        """Whether it is in the network of the services without environments. No network reaches into another account
        or Region."""
        return self == Place()


def place(name: str, settings: Settings) -> Place:
    """Where the environment of this name is."""
    found = next((item for item in settings.environments if item.name == name), None)
    if found is None:
        return Place()
    own = settings.environment
    return Place(
        account=found.account if found.account != own.account else None,
        region=found.region if found.region != own.region else None,
        network=found.network,
    )


def in_environment(service: Service, environment: ServiceEnvironment) -> Service:
    """The service with what the environment sets: single values replace, variables and secrets are added."""
    given = {
        key: getattr(environment, key)
        for key in ("cpu", "memory", "desired_count", "max_count", "load_balancer")
        if getattr(environment, key) is not None
    }
    if "desired_count" in given and "max_count" not in given:
        given["max_count"] = max(service.max_count, given["desired_count"])
    if environment.alarms:
        given["deployment"] = service.deployment.model_copy(update={"alarms": environment.alarms})
    own = {*environment.environment, *environment.secrets}
    return service.model_copy(
        update={
            **given,
            "environment": _without(service.environment, own) | environment.environment,
            "secrets": _without(service.secrets, own) | environment.secrets,
        }
    )


def _without(values: dict[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in names}


def used_environments(settings: Settings) -> Iterator[str]:
    """Names of the environments that services list, each once, in the order of their appearance."""
    yield from dict.fromkeys(item.name for service in settings.services for item in service.environments)


def other_accounts(settings: Settings, services: list[Service]) -> list[str]:
    """Other AWS accounts that the services have environments in."""
    names = [item.name for service in services for item in service.environments]
    return sorted({account for name in names if (account := place(name, settings).account)})


def other_regions(settings: Settings) -> list[str]:
    """Other Regions that pipelines release to."""
    return sorted({region for name in used_environments(settings) if (region := place(name, settings).region)})

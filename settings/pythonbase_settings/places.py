"""The places of environments: account, Region and network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pythonbase_settings.sections.network import Network
from pythonbase_settings.sections.services import Service
from pythonbase_settings.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Place:
    """The place of an environment, as far as it differs from the place of the pipeline.

    Attributes:
        account: its AWS account; None for the account of the pipeline.
        region: its Region; None for the Region of the pipeline.
        network: the settings of its own network, if it has any.
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
    """The place of the environment with this name."""
    found = next((item for item in settings.environments if item.name == name), None)
    if found is None:
        return Place()
    own = settings.environment
    return Place(
        account=found.account if found.account != own.account else None,
        region=found.region if found.region != own.region else None,
        network=found.network,
    )


def used_environments(settings: Settings) -> Iterator[str]:
    """Names of the environments that services list: each once, in the order of the file."""
    yield from dict.fromkeys(item.name for service in settings.services for item in service.environments)


def other_accounts(settings: Settings, services: list[Service]) -> list[str]:
    """Other AWS accounts that the services have environments in."""
    names = [item.name for service in services for item in service.environments]
    return sorted({account for name in names if (account := place(name, settings).account)})


def other_regions(settings: Settings) -> list[str]:
    """Other Regions that pipelines release to."""
    return sorted({region for name in used_environments(settings) if (region := place(name, settings).region)})

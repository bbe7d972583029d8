"""What the demo needs to know of platform.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.instance import DEFAULT_ACCOUNT, DEFAULT_REGION
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_settings import Service, SettingsError, load_settings
from pythonbase_settings.places import place, used_environments


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A configuration file, with the account and Region that the local cloud uses where the file names none."""

    path: Path
    account: str
    region: str
    upstreams: list[str]
    services: list[Service]
    places: dict[str, tuple[str, str]]
    """Account and Region of each environment."""

    @property
    def elsewhere(self) -> list[tuple[str, str]]:
        """Other accounts and Regions that services have environments in."""
        return sorted({*self.places.values()} - {(self.account, self.region)})

    @classmethod
    def load(cls, path: Path) -> Configuration:
        """Read and check a configuration file.

        Raises:
            LocalCloudError: with every mistake in the file.
        """
        try:
            settings = load_settings(path)
        except SettingsError as error:
            raise LocalCloudError(str(error)) from None
        account = settings.environment.account or DEFAULT_ACCOUNT
        region = settings.environment.region or DEFAULT_REGION
        found = {name: place(name, settings) for name in used_environments(settings)}
        return cls(
            path=path,
            account=account,
            region=region,
            places={name: (item.account or account, item.region or region) for name, item in found.items()},
            upstreams=sorted({base.upstream for base in settings.base_images}),
            services=list(settings.services),
        )

"""What the demo needs to know of platform.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.commands import LocalCloudError
from pythonbase_localcloud.instance import DEFAULT_ACCOUNT, DEFAULT_REGION
from stacks.settings import Service, SettingsError, load_settings


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """A configuration file, with the account and Region that the local cloud uses where the file names none."""

    path: Path
    account: str
    region: str
    upstreams: list[str]
    services: list[Service]

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
        return cls(
            path=path,
            account=settings.environment.account or DEFAULT_ACCOUNT,
            region=settings.environment.region or DEFAULT_REGION,
            upstreams=sorted({base.upstream for base in settings.base_images}),
            services=list(settings.services),
        )

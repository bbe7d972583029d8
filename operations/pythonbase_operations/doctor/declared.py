"""What the configuration declares, as the application itself reads it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pythonbase_operations.doctor.finding import CannotRunError
from pythonbase_operations.names import Names, names_of


@dataclass(frozen=True, kw_only=True)
class BaseImage:
    """A base image: its repository's name, its stack, and when it is refreshed."""

    name: str
    stack: str
    refresh: str


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service: its name, which is also its pipeline's, the stack of its pipeline, and where it is deployed to."""

    name: str
    stack: str
    targets: tuple[Names, ...]


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A secret that the configuration names, by name or ARN, and the setting that does."""

    reference: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What should be there.

    Args:
        config: The settings file, as it was given.
        account: Account that the settings name, if any.
        region: Region that the settings name, if any.
        connection_arn: An existing connection; None if the application creates one.
        connection_name: Name of the connection that it creates.
        stacks: The stack of each target.
        network_stack: The stack of the network that services share.
        bitbucket_stack: The stack of the connection and of its watch.
    """

    config: str
    account: str | None
    region: str | None
    connection_arn: str | None
    connection_name: str
    base_images: tuple[BaseImage, ...]
    services: tuple[Service, ...]
    secrets: tuple[Secret, ...]
    stacks: dict[Names, str]
    network_stack: str = "Network"
    bitbucket_stack: str = "Bitbucket"


def load(config: Path) -> Platform:
    """Read the settings.

    Raises:
        CannotRunError: if there is no such file, it is wrong, or the application is not here.
    """
    settings_module = _application_module(config)
    if not config.is_file():
        raise CannotRunError(f"{config}: no such file; name the configuration with --config")
    try:
        settings = settings_module.load_settings(config)
    except settings_module.SettingsError as error:
        raise CannotRunError(str(error)) from error
    return _platform(settings, config, settings_module.stack_name)


def _application_module(config: Path) -> Any:
    """The module ``stacks.settings``: the command is installed, the application is a folder."""
    for folder in (Path.cwd(), config.resolve().parent):
        if (folder / "stacks" / "settings.py").is_file() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
            break
    try:
        return importlib.import_module("stacks.settings")
    except ModuleNotFoundError as error:
        if error.name not in {"stacks", "stacks.settings"}:
            raise CannotRunError(f"{error.name} is missing; run make setup in the application's folder") from error
        raise CannotRunError("the application is not here; run it in the folder that has app.py and stacks/") from error


def _targets(service: Any, settings: Any) -> tuple[Names, ...]:
    """Where a service is deployed to in this account and Region; another one takes other credentials."""
    here = [item.name for item in service.environments if item.name not in _elsewhere(settings)]
    return names_of(service.name, here) if here or not service.environments else ()


def _elsewhere(settings: Any) -> set[str]:
    own = settings.environment
    return {
        item.name
        for item in settings.environments
        if item.account not in (None, own.account) or item.region not in (None, own.region)
    }


def _platform(settings: Any, config: Path, stack_name: Any) -> Platform:
    services = tuple(
        Service(name=service.name, stack=stack_name(service.name), targets=_targets(service, settings))
        for service in settings.services
    )
    return Platform(
        config=str(config),
        account=settings.environment.account,
        region=settings.environment.region,
        connection_arn=settings.bitbucket.connection_arn,
        connection_name=settings.bitbucket.connection_name,
        base_images=tuple(
            BaseImage(name=base.name, stack=stack_name(base.name), refresh=base.refresh)
            for base in settings.base_images
        ),
        services=services,
        secrets=tuple(_secrets(settings, config)),
        stacks={target: stack_name(target.deployed) for service in services for target in service.targets},
        network_stack=f"{stack_name(settings.prefix)}Network",
        bitbucket_stack=f"{stack_name(settings.prefix)}Bitbucket",
    )


def _secrets(settings: Any, config: Path) -> list[Secret]:
    found = [
        Secret(reference=base.upstream_credentials, place=f"{config}: base_images[{index}].upstream_credentials")
        for index, base in enumerate(settings.base_images)
        if base.upstream_credentials
    ]
    found += [
        Secret(reference=reference, place=f"{config}: services[{index}].secrets.{variable}")
        for index, service in enumerate(settings.services)
        for variable, reference in service.secrets.items()
    ]
    found += [
        Secret(
            reference=reference,
            place=f"{config}: services[{index}].environments[{number}].secrets.{variable}",
        )
        for index, service in enumerate(settings.services)
        for number, environment in enumerate(service.environments)
        if environment.name not in _elsewhere(settings)
        for variable, reference in environment.secrets.items()
    ]
    return found

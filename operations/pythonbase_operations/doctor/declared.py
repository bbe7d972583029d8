"""What the configuration declares, as the application itself reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pythonbase_settings
from pythonbase_operations.doctor.finding import CannotRunError
from pythonbase_operations.names import Names, names_of
from pythonbase_settings import Settings, SettingsError, load_settings
from pythonbase_settings.image_folders import CHECKOUT
from pythonbase_settings.names import network_stack_name, own_stack_name, stack_name, state_stack_name
from pythonbase_settings.regions import FARGATE_ZONES


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
    """A secret, by name or ARN, and the setting that names it."""

    reference: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Repository:
    """An ECR repository, and the stack that creates it."""

    name: str
    stack: str


@dataclass(frozen=True, kw_only=True)
class NewVpc:
    """A VPC that the application creates: its stack, and the setting of its zones."""

    stack: str
    place: str
    max_azs: int
    availability_zones: tuple[str, ...]
    nat_gateways: int


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Another account or Region than that of the pipelines; ``account`` is None for a Region of the same account."""

    account: str | None
    region: str


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What should exist.

    Args:
        config: The settings file, as it was given.
        account: Account that the settings name, if any.
        region: Region that the settings name, if any.
        connection_arn: An existing connection; None if the application creates one.
        connection_name: Name of the connection that it creates.
        stacks: The stack of each target.
        bitbucket_stack: The stack of the connection and of its watches.
        build_status_stack: The stack of build statuses; None if they are not reported.
        repositories: Repositories in this account and Region.
        vpcs: New VPCs in this account and Region.
        networks: The stack of each target's network.
        elsewhere: Other accounts and Regions that are deployed to.
        fargate_zones: Ids of the zones with Fargate, for the Regions where other zones have none.
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
    bitbucket_stack: str = "Bitbucket"
    build_status_stack: str | None = None
    repositories: tuple[Repository, ...] = ()
    vpcs: tuple[NewVpc, ...] = ()
    networks: dict[Names, str] = field(default_factory=dict)
    elsewhere: tuple[Elsewhere, ...] = ()
    fargate_zones: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all_stacks(self) -> tuple[str, ...]:
        """Names of all stacks in this account and Region, each once."""
        shared = [self.bitbucket_stack] if self.services else []
        return tuple(
            dict.fromkeys(
                [
                    *(base.stack for base in self.base_images),
                    *shared,
                    *([self.build_status_stack] if self.build_status_stack else []),
                    *self.networks.values(),
                    *(repository.stack for repository in self.repositories),
                    *(f"{stack}State" for stack in self.stacks.values()),
                    *self.stacks.values(),
                    *(service.stack for service in self.services),
                ]
            )
        )


def load(config: Path) -> Platform:
    """Read the settings.

    Raises:
        CannotRunError: if there is no such file, it has errors, or the application is not found.
    """
    application = _application(config)
    if not config.is_file():
        raise CannotRunError(f"{config}: no such file; name the configuration with --config")
    try:
        settings = load_settings(config, application=application)
    except SettingsError as error:
        raise CannotRunError(str(error)) from error
    return _platform(settings, config)


def _application(config: Path) -> Path:
    """The folder of the application, with the base images. It is not part of the installed command."""
    here = (Path.cwd(), config.resolve().parent)
    # Default for an existing file: the checkout that the command is installed from.
    for folder in (*here, CHECKOUT) if config.is_file() else here:
        if (folder / "stacks" / "platform.py").is_file():
            return folder
    raise CannotRunError("no application found; run this in the folder with app.py and stacks/")


def _targets(service: pythonbase_settings.Service, settings: Settings) -> tuple[Names, ...]:
    """Where a service is deployed to in this account and Region; others need other credentials."""
    here = [item.name for item in service.environments if item.name not in _elsewhere(settings)]
    return names_of(service.name, here) if here or not service.environments else ()


def _elsewhere(settings: Settings) -> set[str]:
    own = settings.environment
    return {
        item.name
        for item in settings.environments
        if item.account not in (None, own.account) or item.region not in (None, own.region)
    }


def _platform(settings: Settings, config: Path) -> Platform:
    services = tuple(
        Service(name=service.name, stack=stack_name(service.name), targets=_targets(service, settings))
        for service in settings.services
    )
    base_images = tuple(
        BaseImage(name=base.name, stack=stack_name(base.name), refresh=base.refresh) for base in settings.base_images
    )
    shared_network = own_stack_name("Network", settings.prefix)
    own_networks = {
        item.name: own_stack_name(network_stack_name(item.name), settings.prefix)
        for item in settings.environments
        if item.network and item.name not in _elsewhere(settings)
    }
    targets = [target for service in services for target in service.targets]
    networks = {target: own_networks.get(target.environment, shared_network) for target in targets}
    return Platform(
        config=str(config),
        account=settings.environment.account,
        region=settings.environment.region,
        connection_arn=settings.bitbucket.connection_arn,
        connection_name=settings.bitbucket.connection_name,
        base_images=base_images,
        services=services,
        secrets=tuple(_secrets(settings, config)),
        stacks={target: stack_name(target.deployed) for target in targets},
        bitbucket_stack=own_stack_name("Bitbucket", settings.prefix),
        build_status_stack=(
            own_stack_name("BuildStatus", settings.prefix)
            if settings.services and settings.bitbucket.status_credentials
            else None
        ),
        repositories=(
            *(Repository(name=base.name, stack=base.stack) for base in base_images),
            *(Repository(name=service.name, stack=state_stack_name(service.name)) for service in services),
        ),
        vpcs=tuple(_new_vpcs(settings, config, shared_network, own_networks, used={*networks.values()})),
        networks=networks,
        elsewhere=tuple(_other_places(settings)),
        fargate_zones=FARGATE_ZONES,
    )


def _new_vpcs(
    settings: Settings, config: Path, shared: str, own: dict[str, str], *, used: set[str]
) -> Iterator[NewVpc]:
    declared = [(shared, settings.network, "network")]
    declared += [
        (own[item.name], item.network, f"environments[{index}].network")
        for index, item in enumerate(settings.environments)
        if item.network and item.name in own
    ]
    for stack, network, where in declared:
        if stack in used and network.vpc is None:
            yield NewVpc(
                stack=stack,
                place=f"{config}: {where}",
                max_azs=network.max_azs,
                availability_zones=tuple(network.availability_zones),
                nat_gateways=network.nat_gateways,
            )


def _other_places(settings: Settings) -> Iterator[Elsewhere]:
    """Accounts and Regions of services' environments. The pipelines' account needs a bucket in each Region."""
    own, used = settings.environment, {item.name for service in settings.services for item in service.environments}
    places = []
    for item in settings.environments:
        region = item.region or own.region
        if item.name not in used or region is None:
            continue
        if region != own.region:
            places.append(Elsewhere(account=None, region=region))
        if item.account not in (None, own.account):
            places.append(Elsewhere(account=item.account, region=region))
    yield from dict.fromkeys(places)


def _secrets(settings: Settings, config: Path) -> list[Secret]:
    found = [
        Secret(reference=base.upstream_credentials, place=f"{config}: base_images[{index}].upstream_credentials")
        for index, base in enumerate(settings.base_images)
        if base.upstream_credentials
    ]
    if settings.services and settings.bitbucket.status_credentials:
        place = f"{config}: bitbucket.status_credentials"
        found.append(Secret(reference=settings.bitbucket.status_credentials, place=place))
    found += [
        Secret(reference=reference, place=f"{config}: services[{index}].secrets.{variable}")
        for index, service in enumerate(settings.services)
        for variable, reference in service.secrets.items()
        if _is_read_here(variable, service, settings)
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


def _is_read_here(variable: str, service: pythonbase_settings.Service, settings: Settings) -> bool:
    """Whether containers in this account and Region get the service's own secret: not all environments override it."""
    here = [item for item in service.environments if item.name not in _elsewhere(settings)]
    return not service.environments or any(variable not in {*item.environment, *item.secrets} for item in here)

"""Regions without a feature that the settings need, availability zones, and partitions."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.problems import Finding, SettingPath, place
from pythonbase_settings.regions import FARGATE_ZONES, WITHOUT_CONNECTIONS, WITHOUT_NOTIFICATIONS, partition_of
from pythonbase_settings.sections.network import Network
from pythonbase_settings.sections.notifications import Notifications
from pythonbase_settings.settings import Settings

_REGION: SettingPath = ("environment", "region")


def check_regions(settings: Settings) -> Iterator[Finding]:
    """Regions of pipelines and networks, and ARNs of another partition."""
    region = settings.environment.region
    if settings.services and region in WITHOUT_CONNECTIONS:
        fix = (
            f"use a Region with connections to Bitbucket for the pipelines, and give the environments region: {region}"
            if partition_of(region) == "aws"
            else "use a Region with connections to Bitbucket"
        )
        yield Finding(path=_REGION, fix=f"{fix}: CodeConnections does not offer them here")
    if region in WITHOUT_NOTIFICATIONS:
        for where, notifications in _notifications(settings):
            for key in ("topic", "chatbot"):
                if getattr(notifications, key):
                    fix = f"remove it: {region} has no notification rules for pipelines"
                    yield Finding(path=(*where, key), fix=fix, involves=(_REGION,))
    yield from _check_zones(settings.network, ("network",), region)
    for index, item in enumerate(settings.environments):
        at: SettingPath = ("environments", index)
        if item.region and region and partition_of(item.region) != partition_of(region):
            fix = f"use a Region of the partition {partition_of(region)}: nothing reaches from one into another"
            yield Finding(path=(*at, "region"), fix=fix, involves=(_REGION,))
        if item.network:
            yield from _check_zones(item.network, (*at, "network"), item.region or region)
    if region:
        yield from _check_partitions(settings, region)


def check_connection(settings: Settings) -> Iterator[Finding]:
    """The connection is in the Region of the pipelines."""
    arn, region = settings.bitbucket.connection_arn, settings.environment.region
    if arn and region and arn.split(":")[3] != region:
        fix = f"use a connection in {region}, the Region of environment.region"
        yield Finding(path=("bitbucket", "connection_arn"), fix=fix, involves=(("environment", "region"),))


def check_topic(notifications: Notifications | None, at: SettingPath, region: str | None) -> Iterator[Finding]:
    """A topic is in the Region of the pipelines."""
    topic = notifications.topic if notifications else None
    if topic and region and topic.split(":")[3] != region:
        fix = f"use a topic in {region}, the Region of environment.region and of the pipelines"
        yield Finding(path=at, fix=fix, involves=(("environment", "region"),))


def _notifications(settings: Settings) -> Iterator[tuple[SettingPath, Notifications]]:
    """The notifications of the platform and of services, with their paths."""
    yield ("notifications",), settings.notifications
    for index, service in enumerate(settings.services):
        if service.notifications:
            yield ("services", index, "notifications"), service.notifications


def _check_zones(network: Network, at: SettingPath, region: str | None) -> Iterator[Finding]:
    most = len(FARGATE_ZONES.get(region or "", range(3)))
    zones = network.availability_zones
    if network.vpc is None and not zones and network.max_azs > most:
        yield Finding(
            path=(*at, "max_azs"), fix=f"use {most}: Fargate is in {most} availability zones of {region} only"
        )
    if zones and region is None:
        fix = "set environment.region too: zones belong to a Region"
        yield Finding(path=(*at, "availability_zones"), fix=fix, involves=(_REGION,))
    for index, zone in enumerate(zones):
        if region and not zone.startswith(region):
            fix = f"use an availability zone of {region}"
            yield Finding(path=(*at, "availability_zones", index), fix=fix, involves=(_REGION,))
        if zone in zones[:index]:
            fix = f"remove it: {place((*at, 'availability_zones', zones.index(zone)))} is the same"
            yield Finding(path=(*at, "availability_zones", index), fix=fix)
    if zones and "max_azs" in network.model_fields_set:
        fix = "remove it: availability_zones says which, and so how many"
        yield Finding(path=(*at, "max_azs"), fix=fix, involves=((*at, "availability_zones"),))


def _check_partitions(settings: Settings, region: str) -> Iterator[Finding]:
    """ARNs are in the partition of the Region: nothing can reach another partition."""
    for path, arn in _arns(settings):
        if arn.split(":")[1] != partition_of(region):
            fix = f"use one that begins arn:{partition_of(region)}:, the partition of {region}"
            yield Finding(path=path, fix=fix, involves=(_REGION,))


def _arns(settings: Settings) -> Iterator[tuple[SettingPath, str]]:
    """Every ARN in the settings, with its path."""
    references: list[tuple[SettingPath, str | None]] = [
        (("bitbucket", "connection_arn"), settings.bitbucket.connection_arn),
        (("bitbucket", "status_credentials"), settings.bitbucket.status_credentials),
    ]
    for at, item in _notifications(settings):
        references += [((*at, "topic"), item.topic), ((*at, "chatbot"), item.chatbot)]
    for index, image in enumerate(settings.base_images):
        references.append((("base_images", index, "upstream_credentials"), image.upstream_credentials))
    for index, service in enumerate(settings.services):
        path: SettingPath = ("services", index)
        references += [((*path, "secrets", name), value) for name, value in service.secrets.items()]
        for number, environment in enumerate(service.environments):
            own = (*path, "environments", number, "secrets")
            references += [((*own, name), value) for name, value in environment.secrets.items()]
    for where, reference in references:
        if reference and reference.startswith("arn:"):
            yield where, reference

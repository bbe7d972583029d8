"""Networks, and load balancers in them."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.checks.repeated import check_repeated
from pythonbase_settings.overrides import in_environment
from pythonbase_settings.places import place as place_of
from pythonbase_settings.problems import Finding, SettingPath, place
from pythonbase_settings.sections.network import ExistingVpc, Network
from pythonbase_settings.sections.services import Service
from pythonbase_settings.settings import Settings

_LOAD_BALANCER_SUBNETS = 2  # an Application Load Balancer needs two availability zones


def check_networks(settings: Settings) -> Iterator[Finding]:
    """The shared network, those of environments, and the load balancers of services in existing VPCs."""
    yield from _check_network(settings.network, ("network",), settings.environment.region)
    for index, item in enumerate(settings.environments):
        if item.network:
            region = item.region or settings.environment.region
            yield from _check_network(item.network, ("environments", index, "network"), region)
    for at, service, network_path, vpc in _in_existing_vpcs(settings):
        yield from _check_load_balancer(service, at, network_path, vpc)


def _in_existing_vpcs(settings: Settings) -> Iterator[tuple[SettingPath, Service, SettingPath, ExistingVpc]]:
    """Each service (or each of its environments) in an existing VPC, with the path and the settings of the VPC."""
    own = {
        item.name: (("environments", index, "network"), item.network)
        for index, item in enumerate(settings.environments)
    }
    shared: tuple[SettingPath, Network | None] = (("network",), settings.network)
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index)
        if not service.environments and settings.network.vpc:
            yield at, service, ("network",), settings.network.vpc
        for number, environment in enumerate(service.environments):
            path, network = shared if place_of(environment.name, settings).is_shared else own[environment.name]
            if network and network.vpc:
                where = (*at, "environments", number)
                yield where, in_environment(service, environment), path, network.vpc


def _check_network(network: Network, at: SettingPath, region: str | None) -> Iterator[Finding]:
    if network.vpc is None:
        zones = len(network.availability_zones) or network.max_azs
        if network.nat_gateways > zones:
            more = "add an availability zone" if network.availability_zones else "raise max_azs"
            fix = f"use at most {zones}, one for each availability zone, or {more}"
            involved = ((*at, "max_azs"), (*at, "availability_zones"))
            yield Finding(path=(*at, "nat_gateways"), fix=fix, involves=involved)
        return
    for key in ("nat_gateways", "max_azs", "availability_zones"):
        if key in network.model_fields_set:
            fix = f"remove it: it is for a new VPC, and {place(at)}.vpc names an existing one"
            yield Finding(path=(*at, key), fix=fix, involves=((*at, "vpc", "id"),))
    yield from _check_existing_vpc(network.vpc, (*at, "vpc"), region)


def _check_existing_vpc(vpc: ExistingVpc, at: SettingPath, region: str | None) -> Iterator[Finding]:
    zones = len(vpc.availability_zones)
    for index, zone in enumerate(vpc.availability_zones):
        if region and not zone.startswith(region):
            fix = f"use an availability zone of {region}, the Region of environment.region"
            yield Finding(path=(*at, "availability_zones", index), fix=fix, involves=(("environment", "region"),))
    for key, subnets in (("private_subnet_ids", vpc.private_subnet_ids), ("public_subnet_ids", vpc.public_subnet_ids)):
        if subnets and len(subnets) != zones:
            fix = f"list one subnet for each of the {zones} availability_zones, in their order"
            got = f"{len(subnets)} of {zones}"
            yield Finding(path=(*at, key), got=got, fix=fix, involves=((*at, "availability_zones"),))
    yield from check_repeated(vpc.availability_zones, (*at, "availability_zones"))
    yield from check_repeated([*vpc.private_subnet_ids], (*at, "private_subnet_ids"))
    yield from check_repeated([*vpc.public_subnet_ids], (*at, "public_subnet_ids"))
    for index, subnet in enumerate(vpc.public_subnet_ids):
        if subnet in vpc.private_subnet_ids:
            fix = "a subnet is private or public: remove it from one of the lists"
            yield Finding(path=(*at, "public_subnet_ids", index), fix=fix, involves=((*at, "private_subnet_ids"),))


def _check_load_balancer(
    service: Service, at: SettingPath, network: SettingPath, vpc: ExistingVpc
) -> Iterator[Finding]:
    if service.load_balancer == "none":
        return
    public = service.load_balancer == "public"
    key, other = ("public_subnet_ids", "internal") if public else ("private_subnet_ids", "none")
    subnets = vpc.public_subnet_ids if public else vpc.private_subnet_ids
    # Of the environment, or else of the service.
    chosen: tuple[SettingPath, ...] = ((*at, "load_balancer"), (*at[:2], "load_balancer"))
    if not public and vpc.cidr_block is None:
        cidr: SettingPath = (*network, "vpc", "cidr_block")
        fix = f'add it, such as "cidr_block: 10.0.0.0/16": {place(at)} has an internal load balancer'
        yield Finding(path=cidr, fix=fix, involves=chosen)
    if len(subnets) >= _LOAD_BALANCER_SUBNETS:
        return
    given = "load_balancer" in service.model_fields_set
    fix = (
        f"use {'' if given else 'load_balancer: '}{other}, or list at least 2 subnets in {place(network)}.vpc.{key}: "
        "a load balancer needs 2 availability zones"
    )
    subnets_path: SettingPath = (*network, "vpc", key)
    got = f'"{service.load_balancer}"' if given else f"load_balancer {service.load_balancer} by default"
    path = (*at, "load_balancer") if given else (*at, "name")
    yield Finding(path=path, got=got, fix=fix, involves=(subnets_path, *chosen))

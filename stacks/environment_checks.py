"""Mistakes in environments that only show together with the service or the platform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stacks.environments import in_environment, place
from stacks.fargate import fargate_memory, listed_sizes
from stacks.problems import Finding, SettingPath

if TYPE_CHECKING:  # the model runs these checks
    from stacks.settings_model import PlatformEnvironment, Service, ServiceEnvironment, Settings


_LONGEST_ELSEWHERE = 56
"""Of a service's name with its environment's in another account: IAM allows role names of 64 characters."""


def check_environments(settings: Settings) -> Iterator[Finding]:
    """Where environments are, and sizes and counts of services in them."""
    for index, item in enumerate(settings.environments):
        yield from _check_place(item, ("environments", index), settings)
    for index, service in enumerate(settings.services):
        for number, environment in enumerate(service.environments):
            at: SettingPath = ("services", index, "environments", number)
            yield from _check_size(service, environment, at)
            name = f"{service.name}-{environment.name}"
            if place(environment.name, settings).account and len(name) > _LONGEST_ELSEWHERE:
                fix = f"use shorter names: the role {name}-starter there may have 64 characters"
                yield Finding(path=(*at, "name"), fix=fix, involves=(("services", index, "name"),))
            if environment.approval_timeout is not None and not environment.approval:
                fix = "add approval: true, or remove it"
                yield Finding(path=(*at, "approval_timeout"), fix=fix, involves=((*at, "approval"),))


def _check_place(item: PlatformEnvironment, at: SettingPath, settings: Settings) -> Iterator[Finding]:
    own = settings.environment
    for key in ("account", "region"):
        if (item.account or item.region) and getattr(own, key) is None:
            given = "account" if item.account else "region"
            fix = f"set environment.{key} too: whether this is another place must not depend on who deploys"
            yield Finding(path=(*at, given), fix=fix, involves=(("environment", key),))
            return
    where = place(item.name, settings)
    if where.region and (where.network is None or (where.network.vpc is None and not where.network.nat_gateways)):
        fix = (
            f"add a network with nat_gateways or an existing VPC here: containers pull their image from {own.region}, "
            "which VPC endpoints do not reach"
        )
        yield Finding(path=(*at, "region"), fix=fix, involves=((*at, "network"),))


def _check_size(service: Service, environment: ServiceEnvironment, at: SettingPath) -> Iterator[Finding]:
    merged = in_environment(service, environment)
    sized = environment.cpu is not None or environment.memory is not None
    offered = fargate_memory(merged.cpu)
    if sized and merged.memory not in offered:
        path = (*at, "memory" if environment.memory is not None else "cpu")
        fix = f"use {'' if environment.memory is not None else 'memory: '}{listed_sizes(offered)}"
        yield Finding(path=path, got=f"{merged.memory} for cpu {merged.cpu}", fix=fix)
    if environment.max_count is not None and merged.max_count < merged.desired_count:
        fix = f"use at least desired_count, which is {merged.desired_count}"
        yield Finding(path=(*at, "max_count"), fix=fix, involves=((*at, "desired_count"),))

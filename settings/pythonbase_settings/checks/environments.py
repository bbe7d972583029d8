"""Environments, compared with their service and with the places of environments."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.fargate import fargate_memory, listed_sizes
from pythonbase_settings.names import stack_name
from pythonbase_settings.overrides import in_environment
from pythonbase_settings.places import place
from pythonbase_settings.problems import Finding, SettingPath
from pythonbase_settings.problems import place as at_place
from pythonbase_settings.sections.environment_places import EnvironmentPlace
from pythonbase_settings.sections.service_environments import ServiceEnvironment
from pythonbase_settings.sections.services import Service
from pythonbase_settings.settings import Settings

_LONGEST_ELSEWHERE = 56
"""Characters of `<service>-<environment>` in another account: IAM allows role names of 64 characters."""


def check_environments(settings: Settings) -> Iterator[Finding]:
    """The places of environments, and the sizes and counts of services in them."""
    for index, item in enumerate(settings.environments):
        yield from _check_place(item, ("environments", index), settings)
    for index, service in enumerate(settings.services):
        yield from _check_stages(service, ("services", index))
        for number, environment in enumerate(service.environments):
            at: SettingPath = ("services", index, "environments", number)
            yield from _check_size(service, environment, at)
            name = f"{service.name}-{environment.name}"
            prefixed = f"{settings.prefix}-{name}" if settings.prefix else name
            if place(environment.name, settings).account and len(prefixed) > _LONGEST_ELSEWHERE:
                fix = f"use shorter names: the role {prefixed}-starter there may have 64 characters"
                yield Finding(path=(*at, "name"), fix=fix, involves=(("services", index, "name"),))
            if environment.approval_timeout is not None and not environment.approval:
                fix = "add approval: true, or remove it"
                yield Finding(path=(*at, "approval_timeout"), fix=fix, involves=((*at, "approval"),))


def _check_stages(service: Service, at: SettingPath) -> Iterator[Finding]:
    """The stages of a pipeline have the names of its environments, and so have the roles of its actions."""
    taken: dict[str, tuple[str, SettingPath | None]] = {
        name.lower(): (f"the service's pipeline has a {kind} {name} of its own", None)
        for kind, name in (("stage", "Source"), ("stage", "Build"), ("role", "Pipeline"))
    }
    plain: set[str] = set()
    for number, environment in enumerate(service.environments):
        path: SettingPath = (*at, "environments", number, "name")
        stage = stack_name(environment.name)
        wanted = [stage, *([f"Approve{stage}"] if environment.approval else [])]
        met = next((name for name in wanted if name.lower() in taken), None)
        # Environments whose names make the same stage have the same stack too, which is reported.
        if met and not (met == stage and met in plain):
            reason, other = taken[met.lower()]
            involved = () if other is None else (other, (*at, "environments", number, "approval"))
            yield Finding(path=path, fix=f"use another name: {reason}", involves=involved)
        plain.add(stage)
        for name in wanted:
            owner = at_place((*at, "environments", number))
            taken.setdefault(name.lower(), (f"the pipeline's stage {name} is that of {owner}", path))


def _check_place(item: EnvironmentPlace, at: SettingPath, settings: Settings) -> Iterator[Finding]:
    own = settings.environment
    for key in ("account", "region"):
        if (item.account or item.region) and getattr(own, key) is None:
            given = "account" if item.account else "region"
            fix = f"set environment.{key} too: whether this is another place must not depend on who deploys"
            yield Finding(path=(*at, given), fix=fix, involves=(("environment", key),))
            return
    where = place(item.name, settings)
    if item.destroy and not where.region:
        fix = "remove it: only an environment in another Region has a bucket of artifacts there"
        yield Finding(path=(*at, "destroy"), fix=fix, involves=((*at, "region"),))
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
        involved = tuple((*where, key) for where in (at[:2], at) for key in ("cpu", "memory"))
        yield Finding(path=path, got=f"{merged.memory} for cpu {merged.cpu}", fix=fix, involves=involved)
    if environment.max_count is not None and merged.max_count < merged.desired_count:
        fix = f"use at least desired_count, which is {merged.desired_count}"
        yield Finding(path=(*at, "max_count"), fix=fix, involves=((*at, "desired_count"),))

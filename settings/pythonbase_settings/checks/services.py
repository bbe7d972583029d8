"""A service: its base image, its size, its variables."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.fargate import fargate_memory, listed_sizes
from pythonbase_settings.fields.confidential import HIDDEN
from pythonbase_settings.fields.secrets import holds_a_login, names_a_secret, secret_fix
from pythonbase_settings.problems import Finding, SettingPath, shown_text
from pythonbase_settings.sections.build import in_the_history
from pythonbase_settings.sections.service_environments import ServiceEnvironment
from pythonbase_settings.sections.services import Service
from pythonbase_settings.settings import Settings

_SET_BY_THE_PLATFORM = {"PORT": "port", "HEALTH_CHECK_PATH": "health_check_path"}
"""Environment variables of the container that the platform sets, and the setting that each comes from."""


def check_base_image(service: Service, at: SettingPath, settings: Settings) -> Iterator[Finding]:
    """The base image is listed in `base_images`."""
    known = [image.name for image in settings.base_images]
    if service.base_image not in known:
        involved: tuple[SettingPath, ...] = tuple(("base_images", index, "name") for index in range(len(known)))
        fix = f"use one of base_images: {', '.join(known)}"
        yield Finding(path=(*at, "base_image"), fix=fix, involves=involved)


def check_size(service: Service, at: SettingPath) -> Iterator[Finding]:
    """Fargate offers the memory for the CPU units, and the maximum count is not below the minimum."""
    offered = fargate_memory(service.cpu)
    if service.memory not in offered:
        given = "memory" in service.model_fields_set
        sizes = listed_sizes(offered)
        got = f"{service.memory} for cpu {service.cpu}" if given else f"{service.cpu} with the default memory of 512"
        fix = f"use {'' if given else 'memory: '}{sizes}"
        involved = ((*at, "cpu"), (*at, "memory"))
        yield Finding(path=(*at, "memory" if given else "cpu"), got=got, fix=fix, involves=involved)
    if service.max_count < service.desired_count:
        fix = f"use at least desired_count, which is {service.desired_count}"
        yield Finding(path=(*at, "max_count"), fix=fix, involves=((*at, "desired_count"),))


def check_build(service: Service, at: SettingPath) -> Iterator[Finding]:
    """No secrets in build arguments."""
    for name, value in service.build.args.items():
        if names_a_secret(name) or holds_a_login(value):
            yield Finding(path=(*at, "build", "args", name), got=HIDDEN, fix=in_the_history(name))


def check_variables(service: Service | ServiceEnvironment, at: SettingPath) -> Iterator[Finding]:
    """No secrets in plain variables, no names that the platform sets, no name in both `environment` and `secrets`."""
    for name, value in service.environment.items():
        if names_a_secret(name) or holds_a_login(value):
            yield Finding(path=(*at, "environment", name), got=HIDDEN, fix=secret_fix(name))
    for key, names in (("environment", service.environment), ("secrets", service.secrets)):
        for name in names:
            if name in _SET_BY_THE_PLATFORM or name.startswith("AWS_"):
                setting = _SET_BY_THE_PLATFORM.get(name)
                fix = f"set {setting} instead" if setting else "remove it: AWS sets the variables AWS_*"
                yield Finding(path=(*at, key, name), got=f"the reserved name {shown_text(name)}", fix=fix)
    for name in service.secrets:
        if name in service.environment:
            fix = "remove it from one of environment and secrets"
            path = (*at, "secrets", name)
            yield Finding(path=path, got=f"{shown_text(name)} in both", fix=fix, involves=((*at, "environment"),))

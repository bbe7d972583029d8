"""Names of stacks, repositories and ECS services."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.names import (
    OWN_STACKS,
    artifacts_stack_name,
    environment_stack_name,
    network_stack_name,
    stack_name,
    state_stack_name,
)
from pythonbase_settings.places import other_regions
from pythonbase_settings.places import place as place_of
from pythonbase_settings.problems import Finding, SettingPath, place
from pythonbase_settings.settings import Settings

_LONGEST_NAME = 40
"""Characters of the name of a base image or a service in AWS."""

_CDK_CONSTRUCTS = ("Tree",)
"""Constructs that the CDK library adds to the app: https://github.com/aws/aws-cdk, core/lib/private/tree-metadata.ts"""


def check_names(settings: Settings) -> Iterator[Finding]:
    """Names result in stack IDs and ECR repositories, which must differ."""
    names: dict[str, SettingPath] = {}
    # ids that differ only in case would share a template file on macOS and Windows
    shared = [*OWN_STACKS, *(artifacts_stack_name(region) for region in other_regions(settings))]
    ids: dict[str, tuple[str, str, SettingPath | None]] = {
        own.lower(): (own, f"the application's own {kind} {own}", None)
        for kind, taken_names in (("stack", shared), ("construct", _CDK_CONSTRUCTS))
        for own in taken_names
    }
    for path, name, wanted in _named(settings):
        if name in names:
            first = names[name]
            needed = "an ECS service" if "environments" in (*path, *first) else "an ECR repository"
            fix = f"use another name: {place(first)} is the same, and both need {needed} and a stack"
            yield Finding(path=path, fix=fix, involves=(first,))
            continue
        names[name] = path
        taken = next((ids[own.lower()] for own in wanted if own.lower() in ids), None)
        if taken:
            own, owner, other = taken
            fix = f"use another name: its stack would be called {own} like {owner}"
            yield Finding(path=path, fix=fix, involves=(other,) if other else ())
        for own in wanted:
            ids.setdefault(own.lower(), (own, f"that of {place(path)}", path))


def check_lengths(settings: Settings) -> Iterator[Finding]:
    """Names including the prefix are not too long."""
    room = _LONGEST_NAME - len(f"{settings.prefix}-") if settings.prefix else _LONGEST_NAME
    names = [("base_images", index, item.name) for index, item in enumerate(settings.base_images)]
    names += [("services", index, item.name) for index, item in enumerate(settings.services)]
    for key, index, name in names:
        if len(name) > room:
            fix = f"use at most {room} characters: with the prefix {settings.prefix} a name has {_LONGEST_NAME}"
            yield Finding(path=(key, index, "name"), fix=fix, involves=(("prefix",),))


def _named(settings: Settings) -> Iterator[tuple[SettingPath, str, list[str]]]:
    """The path of each name, the name (of an ECR repository or an ECS service), and the stacks that it results in."""
    for index, image in enumerate(settings.base_images):
        yield ("base_images", index, "name"), image.name, [stack_name(image.name)]
    for index, service in enumerate(settings.services):
        yield ("services", index, "name"), service.name, [stack_name(service.name), state_stack_name(service.name)]
    for index, service in enumerate(settings.services):
        for number, environment in enumerate(service.environments):
            name = f"{service.name}-{environment.name}"
            path: SettingPath = ("services", index, "environments", number, "name")
            yield path, name, [environment_stack_name(service.name, environment.name), state_stack_name(name)]
    for index, item in enumerate(settings.environments):
        stacks = [network_stack_name(item.name)] if not place_of(item.name, settings).is_shared else []
        yield ("environments", index, "name"), f"{item.name}-network", stacks

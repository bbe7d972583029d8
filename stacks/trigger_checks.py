"""Mistakes between the settings that say what starts a service's pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stacks.patterns import is_folder_of
from stacks.problems import Finding, SettingPath, place

if TYPE_CHECKING:  # the model runs these checks
    from stacks.settings_model import Service, Settings

PULL_REQUESTS_SUFFIX = "-pull-requests"
"""What the pipeline that builds a service's pull requests is called after the service's name."""


def check_triggers(settings: Settings) -> Iterator[Finding]:
    """Patterns that match nothing or twice, and pipelines of the same name."""
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index)
        for key, patterns in (("tags", service.tags), ("paths", service.paths)):
            yield from _check_repeated(patterns, (*at, key))
        yield from _check_folders(service, at)
        yield from _check_unreviewed(service, at)
    yield from _check_pipeline_names(settings)


def _check_repeated(patterns: list[str], at: SettingPath) -> Iterator[Finding]:
    for index, pattern in enumerate(patterns):
        first = patterns.index(pattern)
        if first != index:
            yield Finding(path=(*at, index), fix=f"remove it: {place((*at, first))} is the same")


def _check_folders(service: Service, at: SettingPath) -> Iterator[Finding]:
    for index, pattern in enumerate(service.paths):
        if is_folder_of(pattern, service.dockerfile) or is_folder_of(pattern, f"{service.context}/Dockerfile"):
            fix = f"that is a folder, and patterns match files: {pattern}/**"
            involved: tuple[SettingPath, ...] = ((*at, "dockerfile"), (*at, "context"))
            yield Finding(path=(*at, "paths", index), fix=fix, involves=involved)


def _check_unreviewed(service: Service, at: SettingPath) -> Iterator[Finding]:
    if not service.unreviewed_tags:
        return
    path: SettingPath = (*at, "unreviewed_tags")
    unasked = [item.name for item in service.environments if not item.approval]
    if not service.tags:
        yield Finding(path=path, fix="remove it, or name the tags", involves=((*at, "tags"),))
    elif unasked or not service.environments:
        missing = f"; {', '.join(unasked)} {'has' if len(unasked) == 1 else 'have'} none" if unasked else ""
        fix = f"remove it, or give the service environments with approval: true, so that somebody looks first{missing}"
        yield Finding(path=path, fix=fix, involves=((*at, "environments"),))


def _check_pipeline_names(settings: Settings) -> Iterator[Finding]:
    names = {service.name: ("services", index, "name") for index, service in enumerate(settings.services)}
    for index, service in enumerate(settings.services):
        name = f"{service.name}{PULL_REQUESTS_SUFFIX}"
        if service.pull_requests and name in names:
            owner: SettingPath = ("services", index, "pull_requests")
            fix = f"use another name: the pull requests of {service.name} have a pipeline of this name"
            yield Finding(path=names[name], fix=fix, involves=(owner, ("services", index, "name")))

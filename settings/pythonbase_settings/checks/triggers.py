"""Settings that decide what starts the pipelines of a service."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.checks.repeated import check_repeated
from pythonbase_settings.fields.patterns import is_folder_of
from pythonbase_settings.problems import Finding, SettingPath
from pythonbase_settings.sections.services import Service
from pythonbase_settings.settings import Settings

PULL_REQUESTS_SUFFIX = "-pull-requests"
"""Added to the name of a service: the name of the pipeline that builds its pull requests."""


def check_triggers(settings: Settings) -> Iterator[Finding]:
    """No patterns that match nothing, no repeated patterns, no two pipelines with the same name."""
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index)
        for key, patterns in (("tags", service.tags), ("paths", service.paths)):
            yield from check_repeated(patterns, (*at, key))
        yield from _check_folders(service, at)
        yield from _check_unreviewed(service, at)
    yield from _check_pipeline_names(settings)


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

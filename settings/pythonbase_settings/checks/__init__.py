"""Checks that compare settings with each other. Each value by itself is already valid."""

from __future__ import annotations

from pythonbase_settings.checks.base_images import check_image_folders, check_stand_ins, check_upstream
from pythonbase_settings.checks.deployments import check_alarms, check_deployment
from pythonbase_settings.checks.docker_hub import check_docker_hub
from pythonbase_settings.checks.environments import check_environments
from pythonbase_settings.checks.names import check_lengths, check_names
from pythonbase_settings.checks.networks import check_networks
from pythonbase_settings.checks.regions import check_connection, check_regions, check_topic
from pythonbase_settings.checks.removal import check_destroy
from pythonbase_settings.checks.services import check_base_image, check_build, check_size, check_variables
from pythonbase_settings.checks.triggers import check_triggers
from pythonbase_settings.problems import Finding, SettingPath
from pythonbase_settings.settings import Settings

__all__ = ["check_image_folders", "check_together"]


def check_together(settings: Settings) -> list[Finding]:
    """All errors that only the comparison of settings shows."""
    findings = [
        *check_names(settings),
        *check_lengths(settings),
        *check_connection(settings),
        *check_networks(settings),
    ]
    findings += check_regions(settings)
    findings += check_environments(settings)
    findings += check_docker_hub(settings.docker_hub)
    findings += check_destroy(settings)
    findings += check_topic(settings.notifications, ("notifications", "topic"), settings.environment.region)
    findings += check_triggers(settings)
    for index, image in enumerate(settings.base_images):
        findings += check_stand_ins(image, ("base_images", index, "stands_in_for"))
        findings += check_upstream(image, ("base_images", index))
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index)
        findings += check_base_image(service, at, settings)
        findings += check_size(service, at)
        findings += check_build(service, at)
        findings += check_variables(service, at)
        for number, environment in enumerate(service.environments):
            where: SettingPath = (*at, "environments", number)
            findings += check_variables(environment, where)
            findings += check_alarms(environment.alarms, (*where, "alarms"))
        findings += check_deployment(service, at)
        findings += check_topic(service.notifications, (*at, "notifications", "topic"), settings.environment.region)
    return findings

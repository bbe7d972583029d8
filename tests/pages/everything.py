"""The application with everything that makes a role or a policy, for docs/permissions.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aws_cdk import Stack

from pythonbase import ReleaseNames
from pythonbase.docker_hub_check.assembly import SynthesizedStack
from pythonbase_settings import Settings
from pythonbase_settings.names import environment_stack_name, network_stack_name, stack_name, state_stack_name
from pythonbase_settings.places import place
from stacks.artifacts_stack import ArtifactsStack
from stacks.base_image_stack import BaseImageStack
from stacks.bitbucket_stack import BitbucketStack
from stacks.build_status_stack import BuildStatusStack
from stacks.network_stack import NetworkStack
from stacks.services.environment_stack import EnvironmentStack
from stacks.services.pipeline_stack import PipelineStack
from stacks.services.service_stack import ServiceStack
from stacks.services.state_stacks import EnvironmentStateStack, ServiceRepositoryStack, ServiceStateStack
from tests.unit.acknowledgements import Acknowledged, build_recorded
from tests.unit.synthesis import ACCOUNT, REGION, new_platform, platform_stacks

EVERYTHING: dict[str, Any] = {
    "environment": {"account": ACCOUNT, "region": REGION},
    "bitbucket": {"status_credentials": "bitbucket/statuses"},
    "base_images": [
        {"name": "pythonbase", "upstream": "docker.io/library/python:3.13-slim", "upstream_credentials": "docker-hub"}
    ],
    "docker_hub": {"official_images": "pull-through-cache", "other_images": "pull-through-cache"},
    "notifications": {"topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:releases"},
    "environments": [
        {"name": "production", "account": "222233334444"},
        {"name": "us", "region": "us-east-1", "network": {"nat_gateways": 1}},
        {"name": "asia", "account": "333344445555", "region": "ap-southeast-1", "network": {"nat_gateways": 1}},
    ],
    "services": [
        {
            "name": "api",
            "repository": "acme/api",
            "test": "pytest",
            "pull_requests": True,
            "secrets": {"PASSWORD": "database"},
            "deployment": {"server_errors": 5},
        },
        {
            "name": "orders",
            "repository": "acme/orders",
            "test": "pytest",
            "pull_requests": True,
            "secrets": {"PASSWORD": "database"},
            "load_balancer": "none",
            "deployment": {"strategy": "blue-green"},
            "environments": [
                {"name": "staging"},
                {"name": "production", "approval": True},
                {"name": "us"},
                {"name": "asia"},
            ],
        },
    ],
}

_KINDS: dict[type[Stack], str] = {
    BaseImageStack: "Base image",
    NetworkStack: "Network",
    BitbucketStack: "Bitbucket",
    BuildStatusStack: "Build status",
    ServiceStateStack: "State",
    ServiceRepositoryStack: "State",
    EnvironmentStateStack: "State",
    ServiceStack: "Service and environment",
    EnvironmentStack: "Service and environment",
    PipelineStack: "Pipeline",
    ArtifactsStack: "Artifacts",
}
KINDS = tuple(dict.fromkeys(_KINDS.values()))


@dataclass(frozen=True)
class Synthesized:
    """One stack of the application."""

    name: str
    kind: str
    words: Mapping[str, str]
    """What other stacks of its kind have other names for: placeholder to the name here."""
    resources: Mapping[str, Any]
    paths: Mapping[str, str]
    """Construct paths of the resources."""

    def kind_of(self, path: str) -> str:
        """Where the page has what is at this construct path: the stack of a service has a pipeline in it too."""
        return "Pipeline" if path.startswith(f"{self.name}/Pipeline/") else self.kind


def synthesize() -> tuple[list[Synthesized], dict[Acknowledged, str]]:
    """All stacks, and what our code acknowledged."""
    app, acknowledged = build_recorded(partial(new_platform, EVERYTHING))
    names = _names(Settings.model_validate(EVERYTHING))
    stacks = platform_stacks(app)
    found = []
    for artifact in app.synth().stacks:
        stack, template = stacks[artifact.id], Path(artifact.template_full_path)
        paths = SynthesizedStack(template).construct_paths
        found.append(
            Synthesized(
                name=artifact.id,
                kind=_KINDS[type(stack)],
                words={
                    "<account>": stack.account,
                    "<region>": stack.region,
                    "<pipeline account>": ACCOUNT,
                    "<pipeline region>": REGION,
                    **names.get(artifact.id, {}),
                },
                resources=json.loads(template.read_text(encoding="utf-8"))["Resources"],
                paths={logical_id: path for (_, logical_id), path in paths.items()},
            )
        )
    return sorted(found, key=lambda item: item.name), acknowledged


def _names(settings: Settings) -> dict[str, dict[str, str]]:
    """Stack id to placeholders and names, of the stacks of services."""
    names: dict[str, dict[str, str]] = {}
    for service in settings.services:
        own = _words(service.name, service.name, service.name, "Network")
        names |= {stack_name(service.name): own, state_stack_name(service.name): own}
        for environment in service.environments:
            deployed = ReleaseNames(service.name, environment.name).deployed_name
            is_shared = place(environment.name, settings).is_shared
            network = "Network" if is_shared else network_stack_name(environment.name)
            words = _words(service.name, deployed, f"{service.name}/{environment.name}", network)
            names[environment_stack_name(service.name, environment.name)] = words
            names[state_stack_name(deployed)] = words
    return names


def _words(service: str, deployed: str, record: str, network: str) -> dict[str, str]:
    return {
        "<service>": service,
        "<service>-<environment>": deployed,
        "<service>/<environment>": record,
        "<network>": network,
    }

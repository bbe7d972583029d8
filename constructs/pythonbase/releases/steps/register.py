"""Register a revision of the service's task definition with the new image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pythonbase.releases.steps.calls import call, count_wait, report
from pythonbase.releases.steps.hold import fenced, holding
from pythonbase.releases.steps.look import TEMPLATE_TAG
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.states import State, States, choice, jsonata

_CONFLICTS = 60
_CONFLICT_SECONDS = 5

# Members of DescribeTaskDefinition that RegisterTaskDefinition takes:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
_REGISTERED = (
    "ContainerDefinitions",
    "Cpu",
    "EnableFaultInjection",
    "EphemeralStorage",
    "ExecutionRoleArn",
    "Family",
    "IpcMode",
    "Memory",
    "NetworkMode",
    "PidMode",
    "PlacementConstraints",
    "ProxyConfiguration",
    "RequiresCompatibilities",
    "RuntimePlatform",
    "TaskRoleArn",
    "Volumes",
)


def register(target: ReleaseTarget) -> States:
    """Register the image. Continues with ``HoldUpdate``."""
    write = register_revision(
        target,
        "$image",
        assign={"revision": jsonata("$states.result.TaskDefinition.TaskDefinitionArn"), "registered": True},
        catches=[report("WhyRefused", "Ecs.ClientException")],
        then="HoldUpdate",
        fails=report("Failed"),
    )
    return {
        **holding(target, "Register", write, fails=report("Failed")),
        # "Too many concurrent attempts to create a new revision of the specified family":
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
        "WhyRefused": choice(
            (f"$contains($lowercase($cause), 'concurrent') and $conflicts < {_CONFLICTS}", "WaitForFamily"),
            otherwise="Failed",
        ),
        "WaitForFamily": count_wait("conflicts", then="HoldRegister", seconds=_CONFLICT_SECONDS),
    }


def register_revision(
    target: ReleaseTarget,
    image: str,
    *,
    then: str,
    fails: State,
    catches: Sequence[State] = (),
    assign: Mapping[str, Any] | None = None,
) -> State:
    """RegisterTaskDefinition: the content of the variable ``definition`` with another image, an expression.

    The request bucket of an account and Region is refilled with one request each second, so hundreds of releases at
    once wait for minutes: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
    """
    names = ", ".join(f"'{name}'" for name in _REGISTERED)
    images = (
        f"$definition.ContainerDefinitions.(Name = '{target.container_name}' ? $merge([$, {{'Image': {image}}}]) : $)"
    )
    tags = f"$append($tags, [{{'Key': '{TEMPLATE_TAG}', 'Value': $template}}])"
    merged = (
        f"$merge([$sift($definition, function($value, $key) {{ $key in [{names}] }}), "
        f"{{'ContainerDefinitions': [{images}], 'Tags': {tags}}}])"
    )
    return call(
        "aws-sdk:ecs:registerTaskDefinition",
        fenced(merged),
        assign=assign,
        catches=catches,
        then=then,
        fails=fails,
        attempts=100,
        longest_delay=60,
    )

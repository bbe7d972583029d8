"""How a task's containers are started and stopped on the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.load_balancing.target_health import HealthChecks

Members = Mapping[str, Any]
_DRAIN_SECONDS = 100.0
"""In AWS's time: how long a stopping task waits for its last requests."""
_ARGUMENTS = (
    ("entryPoint", "entrypoint"),
    ("user", "user"),
    ("workingDirectory", "working_dir"),
    ("readonlyRootFilesystem", "read_only"),
)
"""Members of a container definition that MiniStack does not pass on, and the engine's name for them."""
_UNREACHABLE = (
    "AWS_ENDPOINT_URL",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "ECS_CONTAINER_METADATA_URI_V4",
)
"""MiniStack announces a plain HTTP endpoint that does not exist here; an SDK fails faster without it."""


def install(health: HealthChecks) -> None:
    """Patch MiniStack's ECS."""
    ecs = seams.ecs
    build, register, cleanup = ecs._build_run_kwargs, ecs._register_metadata, ecs._cleanup_task_resources

    def build_run_arguments(definition: Any, task_definition: Any, *rest: Any) -> Any:
        return {**build(definition, task_definition, *rest), **_arguments(definition, task_definition, health)}

    def register_metadata(
        task: Any, cluster: Any, definition: Any, container: Any, launch: Any, environment: Any, *rest: Any
    ) -> Any:
        token = register(task, cluster, definition, container, launch, environment, *rest)
        for name in _UNREACHABLE:
            environment.pop(name, None)
        environment.setdefault("AWS_REGION", scope.region())
        environment.setdefault("AWS_DEFAULT_REGION", scope.region())
        return token

    def cleanup_task_resources(task: Any, docker: Any, extra: Any = None) -> None:
        address = ecs._task_ip(task)
        if address and task.get("_docker_ids"):
            # The target has left routing: let its last requests end (deregistration delay).
            health.wait_until_idle(address, seconds=health.scaled(_DRAIN_SECONDS))
        cleanup(task, docker, extra)

    ecs._build_run_kwargs = build_run_arguments
    ecs._register_metadata = register_metadata
    ecs._cleanup_task_resources = cleanup_task_resources


def _arguments(definition: Members, task_definition: Members, health: HealthChecks) -> dict[str, Any]:
    """What MiniStack leaves out."""
    arguments: dict[str, Any] = {
        argument: definition[member] for member, argument in _ARGUMENTS if definition.get(member)
    }
    if task_definition.get("networkMode") != "awsvpc":
        # Nothing of a task may listen on another interface than loopback.
        arguments["ports"] = {
            f"{mapping['containerPort']}/tcp": ("127.0.0.1", mapping.get("hostPort") or mapping["containerPort"])
            for mapping in definition.get("portMappings") or []
        } or None
    if (definition.get("linuxParameters") or {}).get("initProcessEnabled"):
        arguments["init"] = True
    ephemeral = _ephemeral_paths(definition, task_definition)
    if ephemeral:
        arguments["tmpfs"] = dict.fromkeys(ephemeral, "")
    if definition.get("healthCheck"):
        arguments["healthcheck"] = _health_check(definition["healthCheck"], health)
    return arguments


def _ephemeral_paths(definition: Members, task_definition: Members) -> list[str]:
    """Mount points of volumes that live as long as the task."""
    hosted = {
        volume["name"]
        for volume in task_definition.get("volumes") or []
        if (volume.get("host") or {}).get("sourcePath")
    }
    return [
        point["containerPath"]
        for point in definition.get("mountPoints") or []
        if point.get("sourceVolume") not in hosted
    ]


def _health_check(check: Members, health: HealthChecks) -> dict[str, Any]:
    """A container health check as the engine takes it (times in nanoseconds)."""

    def nanoseconds(member: str, default: float) -> int:
        return int(max(0.5, health.scaled(float(check.get(member) or default))) * 1e9)

    return {
        "test": check["command"],
        "interval": nanoseconds("interval", 30),
        "timeout": nanoseconds("timeout", 5),
        "retries": int(check.get("retries") or 3),
        "start_period": nanoseconds("startPeriod", 0),
    }

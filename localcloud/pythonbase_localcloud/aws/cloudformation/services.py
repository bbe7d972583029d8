"""ECS: task definition members, and a service that is complete when its deployment is."""

from __future__ import annotations

import contextvars
import time
from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties, as_bool, camel

_STABLE_SECONDS = 15 * 60
"""After that a deployment without circuit breaker counts as failed; AWS gives up after three hours."""
_NESTED = frozenset(
    {
        "secrets",
        "healthCheck",
        "dependsOn",
        "ulimits",
        "linuxParameters",
        "repositoryCredentials",
        "resourceRequirements",
        "systemControls",
        "extraHosts",
        "environmentFiles",
        "firelensConfiguration",
        "volumesFrom",
        "mountPoints",
        "portMappings",
        "restartPolicy",
    }
)
_BOOLEANS = frozenset({"essential", "readonlyRootFilesystem", "privileged"})


class DeploymentFailedError(Exception):
    """What CloudFormation reports for the resource."""


def install() -> None:
    """Repair the types."""
    _install_task_definitions()
    _install_services()
    _install_families()
    _install_rollback()


def _install_task_definitions() -> None:
    provisioners = seams.provisioners
    normalize = provisioners._normalize_container_defs
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ECS::TaskDefinition"]
    create = handlers["create"]

    def normalize_container_definitions(definitions: Any) -> Any:
        return [_container(container) for container in normalize(definitions)]

    def create_task_definition(logical_id: str, properties: Properties, stack: str) -> Any:
        arn, attributes = create(logical_id, properties, stack)
        definition = seams.ecs._task_defs[arn.rsplit("/", 1)[-1]]
        definition["volumes"] = camel(properties.get("Volumes") or [])
        for member in ("RuntimePlatform", "EphemeralStorage", "ProxyConfiguration"):
            if member in properties:
                definition[member[0].lower() + member[1:]] = camel(properties[member])
        return arn, attributes

    provisioners._normalize_container_defs = normalize_container_definitions
    provisioners._ecs_task_def_create = create_task_definition  # the update handler calls it by name
    handlers["create"] = create_task_definition


def _container(container: dict[str, Any]) -> dict[str, Any]:
    """MiniStack leaves nested members in PascalCase: the container would get no secret and no health check."""
    for member in _NESTED & container.keys():
        container[member] = camel(container[member])
    logging = container.get("logConfiguration") or {}
    if "secretOptions" in logging:
        logging["secretOptions"] = camel(logging["secretOptions"])
    for member in _BOOLEANS & container.keys():
        container[member] = as_bool(container[member])
    for mapping in container.get("portMappings") or []:
        mapping.update({port: int(mapping[port]) for port in ("containerPort", "hostPort") if port in mapping})
    return {"essential": True, "cpu": 0, **container}


def _install_families() -> None:
    """A family without revision means its latest ACTIVE revision; MiniStack takes the latest of all:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
    """
    resolve = seams.ecs._resolve_td_key

    def resolve_active(reference: Any) -> Any:
        key = resolve(reference)
        named = ":" in str(reference).rsplit("/", 1)[-1]
        if named or not key or ":" not in key:
            return key
        family, _, newest = key.rpartition(":")
        revisions = (f"{family}:{number}" for number in range(int(newest), 0, -1))
        active = (item for item in revisions if (seams.ecs._task_defs.get(item) or {}).get("status") == "ACTIVE")
        return next(active, family)

    seams.ecs._resolve_td_key = resolve_active


def _install_rollback() -> None:
    """A service whose own update failed is updated back too, before the new task definition goes in the cleanup:
    https://github.com/aws/containers-roadmap/issues/117, https://github.com/aws/containers-roadmap/issues/328
    """
    sends_back = seams.stacks._sends_back_failed_update
    seams.stacks._sends_back_failed_update = lambda name: name == "AWS::ECS::Service" or sends_back(name)


def _install_services() -> None:
    handlers = seams.provisioners._RESOURCE_HANDLERS["AWS::ECS::Service"]
    create, update = handlers["create"], handlers["update"]

    def create_service(logical_id: str, properties: Properties, stack: str) -> Any:
        reset = _creating.set(properties)
        try:
            arn, attributes = create(logical_id, properties, stack)
        finally:
            _creating.reset(reset)
        _wait_until_stable(_key(arn), None)
        return arn, {**attributes, "ServiceArn": arn}

    def update_service(physical_id: str, old: Properties, new: Properties, stack: str) -> Any:
        key = _key(physical_id)
        before = (seams.ecs._primary_deployment(seams.ecs._services.get(key) or {}) or {}).get("id")
        _amend_service(seams.ecs._services.get(key) or {}, new)
        # All properties are sent, also those that stay, among them the task definition:
        # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1529
        others = {name: value for name, value in old.items() if name != "TaskDefinition"}
        reset = _forced.set(_nonce(old) != _nonce(new))
        try:
            result = update(physical_id, others, new, stack)
        finally:
            _forced.reset(reset)
        _wait_until_stable(key, before)
        return result

    request_service = seams.ecs._create_service

    def request_with_members(request: Any) -> Any:
        # Members that MiniStack's template handler drops must be there before the first task runs.
        properties = _creating.get()
        return request_service({**request, **_service_members(properties)} if properties else request)

    update_request = seams.ecs._update_service

    def update_with_force(request: Any) -> Any:
        return update_request({**request, "forceNewDeployment": True} if _forced.get() else request)

    seams.ecs._create_service = request_with_members
    seams.ecs._update_service = update_with_force
    handlers.update(create=create_service, update=update_service)
    blocking = seams.stacks._runs_on_worker_thread
    # Waiting for containers must not block the loop that answers the load balancer's requests.
    seams.stacks._runs_on_worker_thread = lambda name: name == "AWS::ECS::Service" or blocking(name)


_creating: contextvars.ContextVar[Properties | None] = contextvars.ContextVar("creating_service", default=None)
"""The properties of the service that a stack creates on this thread."""


_forced: contextvars.ContextVar[bool] = contextvars.ContextVar("force_new_deployment", default=False)
"""Whether the update of a service on this thread starts a deployment although nothing else changes."""


def _nonce(properties: Properties) -> str | None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-ecs-service-forcenewdeployment.html"""
    force = properties.get("ForceNewDeployment") or {}
    return str(force.get("ForceNewDeploymentNonce")) if as_bool(force.get("EnableForceNewDeployment")) else None


def _service_members(properties: Properties) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for member in (
        "HealthCheckGracePeriodSeconds",
        "PlatformVersion",
        "PropagateTags",
        "SchedulingStrategy",
        "AvailabilityZoneRebalancing",
    ):
        if member in properties:
            members[member[0].lower() + member[1:]] = properties[member]
    if "healthCheckGracePeriodSeconds" in members:
        members["healthCheckGracePeriodSeconds"] = int(members["healthCheckGracePeriodSeconds"])
    for member in ("EnableExecuteCommand", "EnableECSManagedTags"):
        if member in properties:
            members[member[0].lower() + member[1:]] = as_bool(properties[member])
    if "DeploymentController" in properties:
        members["deploymentController"] = camel(properties["DeploymentController"])
    if "ServiceRegistries" in properties:
        members["serviceRegistries"] = camel(properties["ServiceRegistries"])
    members["desiredCount"] = int(properties.get("DesiredCount", 1))
    return members


def _amend_service(service: dict[str, Any], properties: Properties) -> None:
    members = _service_members(properties)
    members.pop("desiredCount")
    service.update(members)


def _key(arn: str) -> str:
    """MiniStack's key of a service: ``cluster/name``."""
    return "/".join(arn.split("/")[-2:])


def _wait_until_stable(key: str, before: str | None) -> None:
    """Return when the deployment that this operation started is complete; raise when it failed.

    `before` is the primary deployment of before; when the operation started none, nothing is waited for.
    """
    ecs = seams.ecs
    service = ecs._services.get(key)
    primary = ecs._primary_deployment(service) if service else None
    if primary is None or (primary["id"] == before and primary.get("rolloutState") == "COMPLETED"):
        return
    watched = primary["id"]
    end = time.monotonic() + _STABLE_SECONDS
    while time.monotonic() < end:
        deployment = next((d for d in service["deployments"] if d["id"] == watched), None)
        if deployment is None:
            raise DeploymentFailedError(f"the deployment {watched} was replaced by another one")
        if deployment.get("rolloutState") == "COMPLETED":
            return
        if deployment.get("rolloutState") == "FAILED":
            raise DeploymentFailedError(
                "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker "
                f"was triggered'.\" {deployment.get('rolloutStateReason', '')} {last_stopped_reason(watched)}".strip()
            )
        time.sleep(0.1)
    raise DeploymentFailedError(
        f"ECS deployment {watched} did not stabilize in {_STABLE_SECONDS} seconds. " + last_stopped_reason(watched)
    )


def last_stopped_reason(deployment_id: str) -> str:
    """Why the last task of the deployment stopped, which AWS shows on the task only."""
    tasks = [
        task
        for task in seams.ecs._tasks.values()
        if task.get("_deployment_id") == deployment_id and task.get("stoppedReason")
    ]
    if not tasks:
        return ""
    task = max(tasks, key=lambda task: str(task.get("stoppedAt") or ""))
    codes = {c.get("name"): c.get("exitCode") for c in task.get("containers", []) if c.get("exitCode") is not None}
    return f"Last stopped task: {task['stoppedReason']}" + (f", exit codes {codes}" if codes else "")

"""When a service's task is healthy, and what happens to one that is not.

MiniStack knows rolling deployments and the circuit breaker, but takes a task for healthy one second after its container
has started, whatever the load balancer says.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.load_balancing.target_health import HealthChecks

log = logging.getLogger("localcloud")

Members = Mapping[str, Any]
_STEADY_SECONDS = 1.0
"""How long a container runs before a task without health check counts as started."""
_MAKES_ROOM = "Deployment capacity limit"
"""MiniStack's reason for stopping a task of an older deployment."""
_REPLACE_SECONDS = 1.5
"""After which the scheduler notices that a task was stopped."""
_INSPECT_SECONDS = 0.5
"""How often the engine is asked for the result of a container health check."""


class Scheduler:
    """Decides when a service's task is healthy, and replaces those that are not."""

    def __init__(self, health: HealthChecks) -> None:
        self._health = health
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="localcloud-ecs")
        self._busy: set[str] = set()
        self._container_health: dict[str, tuple[float, str]] = {}

    def targets(self, service: Members, task: Members) -> list[tuple[str, str, int]]:
        """The task's registrations in the service's target groups."""
        address = seams.ecs._task_ip(task)
        return [
            (balancer["targetGroupArn"], address, int(balancer.get("containerPort") or 80))
            for balancer in service.get("loadBalancers") or []
            if balancer.get("targetGroupArn") and address
        ]

    def healthy(self, service: Members, task: Members) -> bool:
        """Whether the task counts as started for its deployment."""
        started = _seconds_since(task.get("startedAt"))
        if started is None or started < _STEADY_SECONDS:
            return False
        if service.get("loadBalancers") and not seams.ecs._task_ip(task):
            return False
        return all(
            self._health.state(target) == "healthy" for target in self.targets(service, task)
        ) and self._container_state(task) in ("healthy", "none")

    def failure(self, service: Members, task: Members) -> str | None:
        """Why the task must be replaced; None when it need not."""
        grace = self._health.scaled(float(service.get("healthCheckGracePeriodSeconds") or 0))
        if (_seconds_since(task.get("startedAt")) or 0.0) < grace:
            return None
        for target in self.targets(service, task):
            if self._health.state(target) == "unhealthy":
                return f"Task failed ELB health checks in (target-group {target[0]})"
        if self._container_state(task) == "unhealthy":
            return "Task failed container health checks"
        return None

    def _container_state(self, task: Members) -> str:
        """``none`` without container health check, else the engine's ``starting``, ``healthy`` or ``unhealthy``."""
        if not task.get("_has_health_check"):
            return "none"
        arn = str(task["taskArn"])
        checked, state = self._container_health.get(arn, (0.0, "starting"))
        if time.monotonic() - checked > _INSPECT_SECONDS:
            states = set()
            for container_id in task.get("_docker_ids") or []:
                attributes = seams.ecs._get_docker().containers.get(container_id).attrs
                states.add((attributes["State"].get("Health") or {}).get("Status", "none"))
            state = next((s for s in ("unhealthy", "starting", "healthy") if s in states), "none")
            self._container_health[arn] = (time.monotonic(), state)
        return state

    def tick(self) -> None:
        """Look at every running task of a service."""
        for (account, region, arn), task in seams.ecs._tasks.all_items():
            group = str(task.get("group") or "")
            if task.get("lastStatus") != "RUNNING" or not group.startswith("service:") or arn in self._busy:
                continue
            cluster = str(task["clusterArn"]).rsplit("/", 1)[-1]
            key = f"{cluster}/{group.partition(':')[2]}"
            service = seams.ecs._services.get_scoped(account, region, key)
            if not service or service.get("status") != "ACTIVE":
                continue
            with scope.scoped(account, region):
                reason = self.failure(service, task)
                fresh = not task.get("_startup_stable") and self.healthy(service, task)
            if reason or fresh:
                self._busy.add(arn)
                self._pool.submit(self._act, account, region, cluster, key, task, reason)

    def _act(self, account: str, region: str, cluster: str, key: str, task: Any, reason: str | None) -> None:
        ecs = seams.ecs
        try:
            with scope.scoped(account, region):
                if reason:
                    log.info("ECS: %s: %s", task["taskArn"], reason)
                    if ecs._mark_task_stopped(task["taskArn"], task, reason, "ServiceSchedulerInitiated"):
                        ecs._record_service_task_failure(task)
                        ecs._cleanup_task_resources(task, ecs._get_docker())
                    return
                service = ecs._services.get(key)
                deployment = ecs._deployment_for_task(service, task) if service else None
                ecs._record_service_task_healthy(key, task)
                # The first task of a deployment releases the others.
                ecs._reconcile_service_tasks(cluster, key)
                if deployment:
                    ecs._complete_service_deployment(cluster, key, expected_deployment_id=deployment["id"])
        except Exception:
            log.exception("ECS: the scheduler could not act on %s", task.get("taskArn"))
        finally:
            self._busy.discard(task["taskArn"])


def _seconds_since(timestamp: Any) -> float | None:
    if not timestamp:
        return None
    return time.time() - datetime.fromisoformat(str(timestamp).replace("Z", "+00:00")).timestamp()


def install(health: HealthChecks) -> None:
    """Let deployments of MiniStack wait for healthy tasks, and replace unhealthy ones."""
    scheduler = Scheduler(health)
    health.on_tick(scheduler.tick)
    ecs = seams.ecs
    make, record = ecs._make_deployment, ecs._record_service_task_healthy

    def make_deployment(*arguments: Any, **options: Any) -> Any:
        deployment = make(*arguments, **options)
        # MiniStack calls a service's first deployment completed before it starts.
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
        return deployment

    def record_healthy(key: str, task: Any) -> None:
        service = ecs._services.get(key)
        if service and scheduler.healthy(service, task):
            record(key, task)

    ecs._make_deployment = make_deployment
    ecs._record_service_task_healthy = record_healthy
    _install_stops()


def _install_stops() -> None:
    """What makes room for a deployment, and what follows when somebody stops a service's task."""
    ecs = seams.ecs
    stop = ecs._stop_task

    def stop_task(members: Any) -> Any:
        if members.get("reason") == _MAKES_ROOM:
            # Where a deployment replaces one that is in progress there are tasks of both; the healthy ones are kept:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
            members = {**members, "task": _least_needed(str(members["task"]))}
        return stop(members)

    def stop_by_request(members: Any) -> Any:
        task = ecs._tasks.get(str(members.get("task"))) or {}
        response = stop(members)
        group = str(task.get("group") or "")
        if group.startswith("service:"):  # the service scheduler replaces it
            key = (str(task["clusterArn"]).rsplit("/", 1)[-1], group.partition(":")[2])
            context = contextvars.copy_context()
            again = threading.Timer(
                _REPLACE_SECONDS, context.run, (ecs._reconcile_service_tasks, key[0], "/".join(key))
            )
            again.daemon = True
            again.start()
        return response

    ecs._stop_task = stop_task
    ecs._ACTION_MAP["StopTask"] = stop_by_request


def _least_needed(arn: str) -> str:
    """Of the running tasks beside this one of its service: one that never became healthy, else this one."""
    tasks = seams.ecs._tasks
    given = tasks.get(arn) or {}
    if not given.get("_startup_stable"):
        return arn
    service = seams.ecs._services.get(
        f"{str(given['clusterArn']).rsplit('/', 1)[-1]}/{str(given['group']).partition(':')[2]}"
    )
    primary = seams.ecs._primary_deployment(service) or {}
    others = (
        str(task["taskArn"])
        for task in tasks.values()
        if task.get("group") == given.get("group")
        and task.get("clusterArn") == given.get("clusterArn")
        and task.get("lastStatus") == "RUNNING"
        and not task.get("_startup_stable")
        and task.get("_deployment_id") != primary.get("id")
    )
    return next(others, arn)

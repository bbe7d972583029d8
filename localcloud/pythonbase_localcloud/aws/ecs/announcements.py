"""What ECS tells about its services: EventBridge events, the service's event messages, rollout reasons.

MiniStack emits nothing and has messages of its own. A service is compared with what was told of it last; that is kept
in its record, so that a restart neither repeats nor loses anything.

Events: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html. Messages:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import scope, seams, state
from pythonbase_localcloud.aws.ecs import service_deployments
from pythonbase_localcloud.aws.eventbridge import events

Record = dict[str, Any]
Members = Mapping[str, Any]
_KEPT_MESSAGES = 100
"""DescribeServices shows the last 100 messages."""
_FAILED_SHOWN_SECONDS = 5.0
"""How long a failed deployment without tasks stays in `deployments` once the service is steady again."""
_OWN_CODES = ("EssentialContainerExited", "TaskFailedToStart")
_IMPAIRED_AFTER = 2
_STARTED, _RUNNING, _STOPPED = "started", "running", "stopped"


class Announcer:
    """Looks at every service after each round of health checks."""

    def tick(self) -> None:
        """Tell what has changed."""
        for (account, region, key), service in seams.ecs._services.all_items():
            if not isinstance(service, dict) or service.get("status") != "ACTIVE":
                continue
            with scope.scoped(account, region):
                with seams.concurrency.resource_lock("ecs-service", key):
                    look = _Look(service)
                    look.everything()
                if look.emitted:
                    state.changed(soon=True)
                for emit in look.emitted:
                    emit()


class _Look:
    """One look at one service."""

    def __init__(self, service: Record) -> None:
        self._service = service
        self._name = f"(service {service['serviceName']})"
        self.emitted: list[Callable[[], None]] = []

    def everything(self) -> None:
        service = self._service
        # MiniStack's own messages are not ECS's.
        service["events"] = [event for event in service.get("events") or [] if event.get("_told")][:_KEPT_MESSAGES]
        deployments: list[Record] = service.get("deployments") or []
        for deployment in reversed(deployments):
            if "_told" not in deployment:
                service_deployments.began(service, deployment)
                self._deployment_event(deployment, "IN_PROGRESS", f"ECS deployment {deployment['id']} in progress.")
        for task in self._tasks():
            self._task(task)
        # A failure first: what follows it is the rollback.
        for deployment in sorted(deployments, key=lambda item: item.get("rolloutState") != "FAILED"):
            self._rollout(deployment)
            service_deployments.resolved(service, deployment)
        self._steady()
        self._forget_failed()
        # MiniStack takes the first for the primary one, which it is not after a rollback.
        service["deployments"].sort(key=lambda item: item["status"] != "PRIMARY")

    def _tasks(self) -> Iterable[Record]:
        group, cluster = f"service:{self._service['serviceName']}", self._service["clusterArn"]
        tasks = [
            task
            for task in list(seams.ecs._tasks.values())
            if task.get("group") == group and task.get("clusterArn") == cluster
        ]
        return sorted(tasks, key=lambda task: str(task.get("createdAt")))

    # ------------------------------------------------------------ tasks

    def _task(self, task: Record) -> None:
        told, status = task.get("_told", ""), task.get("lastStatus")
        task_id = str(task["taskArn"]).rsplit("/", 1)[-1]
        groups = [
            balancer["targetGroupArn"]
            for balancer in self._service.get("loadBalancers") or []
            if balancer.get("targetGroupArn")
        ]
        if not told:
            self._say(f"has started 1 tasks: (task {task_id}).")
            task["_told"] = told = _STARTED
        if status == "RUNNING" and told == _STARTED:
            for group in groups:
                self._say(f"registered 1 targets in (target-group {group})")
            task["_told"] = _RUNNING
        if status == "STOPPED" and told != _STOPPED:
            task["_told"] = _STOPPED
            reason = str(task.get("stoppedReason") or "")
            if reason.startswith("Task failed ELB health checks"):
                port = self._service["loadBalancers"][0].get("containerPort")
                group = reason.rpartition("(target-group ")[2].rstrip(")")
                self._say(f"(port {port}) is unhealthy in (target-group {group}) due to (reason Health checks failed).")
            if task.get("stopCode") not in _OWN_CODES:
                self._say(f"has stopped 1 running tasks: (task {task_id}).")
            if told == _RUNNING:
                for group in groups:
                    self._say(f"deregistered 1 targets in (target-group {group})")

    # ------------------------------------------------------------ deployments

    def _rollout(self, deployment: Record) -> None:
        rollout, told = deployment.get("rolloutState"), deployment["_told"]
        failures = int(deployment.get("failedTasks") or 0)
        if failures >= _IMPAIRED_AFTER and not deployment.get("_impaired"):
            deployment["_impaired"] = True
            self._say(
                "is unable to consistently start tasks successfully. For more information, see the Troubleshooting "
                "section of the Amazon ECS Developer Guide."
            )
            self._service_event("WARN", "SERVICE_TASK_START_IMPAIRED")
        if rollout == told:
            return
        identifier = deployment["id"]
        if rollout == "FAILED":
            deployment["rolloutStateReason"] = "ECS deployment circuit breaker: tasks failed to start."
            deployment["_failed_at"] = time.time()
            self._say(f"(deployment {identifier}) deployment failed: tasks failed to start.")
            service_deployments.failed(self._service, deployment, rollback=self._rollback(deployment))
        elif rollout == "IN_PROGRESS":  # it was completed: the service goes back to it
            deployment["rolloutStateReason"] = (
                f"ECS deployment circuit breaker: rolling back to deploymentId {identifier}."
            )
            self._say(f"rolling back to deployment {identifier}.")
        elif rollout == "COMPLETED":
            deployment["rolloutStateReason"] = f"ECS deployment {identifier} completed."
            self._say(f"(deployment {identifier}) deployment completed.")
            service_deployments.completed(self._service, deployment)
        else:
            return
        self._deployment_event(deployment, rollout, deployment["rolloutStateReason"])

    def _rollback(self, failed: Members) -> Members | None:
        primary: Members | None = seams.ecs._primary_deployment(self._service)
        return primary if primary is not failed else None

    def _deployment_event(self, deployment: Record, rollout: str, reason: str) -> None:
        deployment["_told"] = rollout
        if rollout == "IN_PROGRESS":
            deployment["rolloutStateReason"] = reason
        detail = {
            "eventType": "ERROR" if rollout == "FAILED" else "INFO",
            "eventName": f"SERVICE_DEPLOYMENT_{rollout}",
            "deploymentId": deployment["id"],
            "updatedAt": _now(),
            "reason": reason,
        }
        self._emit("ECS Deployment State Change", detail)

    def _steady(self) -> None:
        service = self._service
        primary = seams.ecs._primary_deployment(service)
        steady = bool(
            primary
            and primary.get("rolloutState") == "COMPLETED"
            and service.get("runningCount") == service.get("desiredCount")
            and not service.get("pendingCount")
            and len(service["deployments"]) == 1
        )
        if steady and not service.get("_steady"):
            self._say("has reached a steady state.")
            self._service_event("INFO", "SERVICE_STEADY_STATE")
        service["_steady"] = steady

    def _forget_failed(self) -> None:
        """A deployment without tasks leaves `deployments`; MiniStack keeps failed ones for ever."""
        service = self._service
        primary = seams.ecs._primary_deployment(service)
        if not primary or primary.get("rolloutState") != "COMPLETED":
            return
        live = {task.get("_deployment_id") for task in self._tasks() if task.get("lastStatus") != "STOPPED"}
        service["deployments"] = [
            deployment
            for deployment in service["deployments"]
            if deployment is primary
            or deployment["id"] in live
            or time.time() - float(deployment.get("_failed_at") or 0) < _FAILED_SHOWN_SECONDS
        ]

    # ------------------------------------------------------------ telling

    def _say(self, text: str) -> None:
        message = {"id": str(uuid4()), "createdAt": seams.ecs._iso(), "message": f"{self._name} {text}", "_told": True}
        self._service["events"].insert(0, message)

    def _service_event(self, kind: str, name: str) -> None:
        detail = {
            "eventType": kind,
            "eventName": name,
            "clusterArn": self._service["clusterArn"],
            "createdAt": _now(),
        }
        self._emit("ECS Service Action", detail)

    def _emit(self, detail_type: str, detail: Members) -> None:
        arn = self._service["serviceArn"]
        self.emitted.append(lambda: events.emit("aws.ecs", detail_type, detail, resources=[arn]))


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

"""A service in one environment, as anybody with the API can see it."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from pythonbase_localcloud.demo.summary import Clients, load_balancer_name
from pythonbase_localcloud.instance import Instance

_POLL_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True)
class Target:
    """One ECS service and the record of its releases."""

    instance: Instance
    clients: Clients
    service: str
    environment: str | None = None

    @property
    def name(self) -> str:
        """Name of the ECS service."""
        return f"{self.service}-{self.environment}" if self.environment else self.service

    @property
    def url(self) -> str:
        """Where it answers on this machine."""
        balancer = load_balancer_name(self.clients, self.name)
        if balancer is None:
            raise LookupError(f"{self.name} has no load balancer")
        return self.instance.load_balancer_url(balancer)

    def get(self) -> str:
        """What it answers now; raises OSError unless that is a 200."""
        with urllib.request.urlopen(self.url, timeout=10) as response:  # noqa: S310 - a loopback address of this instance
            return str(response.read().decode()).strip()

    def parameter(self, name: str) -> str:
        """One of the SSM parameters: ``image``, ``base-image`` or ``release``."""
        folder = "/".join(part for part in ("/pythonbase/services", self.service, self.environment) if part)
        return str(self.clients("ssm").get_parameter(Name=f"{folder}/{name}")["Parameter"]["Value"])

    def recorded(self) -> str:
        """The digest that is recorded; the whole image before the first release."""
        image = self.parameter("image")
        return image.partition("@")[2] or image

    def release(self) -> dict[str, str]:
        """What is recorded about the release."""
        described: dict[str, str] = json.loads(self.parameter("release"))
        return described

    def ecs_service(self) -> dict[str, Any]:
        """DescribeServices."""
        ecs = self.clients("ecs")
        for cluster in ecs.list_clusters()["clusterArns"]:
            found: list[dict[str, Any]] = ecs.describe_services(cluster=cluster, services=[self.name])["services"]
            if found and found[0]["status"] == "ACTIVE":
                return {**found[0], "clusterArn": cluster}
        raise LookupError(f"no cluster has a service {self.name}")

    def running(self) -> set[str]:
        """The digests that its running tasks report."""
        service, ecs = self.ecs_service(), self.clients("ecs")
        arns = ecs.list_tasks(cluster=service["clusterArn"], serviceName=self.name, desiredStatus="RUNNING")["taskArns"]
        tasks = ecs.describe_tasks(cluster=service["clusterArn"], tasks=arns)["tasks"] if arns else []
        return {
            container.get("imageDigest", "")
            for task in tasks
            for container in task["containers"]
            if task["lastStatus"] == "RUNNING"
        }

    def environment_of_tasks(self) -> dict[str, str]:
        """Environment variables in the task definition that the service runs."""
        arn = self.ecs_service()["taskDefinition"]
        definition = self.clients("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return {item["name"]: item["value"] for item in definition["containerDefinitions"][0]["environment"]}

    def is_steady(self) -> bool:
        """Whether the present deployment is completed."""
        (primary,) = [item for item in self.ecs_service()["deployments"] if item["status"] == "PRIMARY"]
        return bool(primary.get("rolloutState") == "COMPLETED")

    def running_releases(self) -> list[str]:
        """Executions that release to it."""
        sfn = self.clients("stepfunctions")
        (arn,) = [
            machine["stateMachineArn"]
            for page in sfn.get_paginator("list_state_machines").paginate()
            for machine in page["stateMachines"]
            if machine["name"] == f"{self.name}-release"
        ]
        found = sfn.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
        return [execution["executionArn"] for execution in found]

    def stop_release(self) -> None:
        """End what releases to it, without a chance to clean up."""
        for arn in self.running_releases():
            self.clients("stepfunctions").stop_execution(executionArn=arn, error="Killed", cause="by the fault table")

    def settle(self, *, seconds: float = 90) -> None:
        """Wait until nothing is being released or deployed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.running_releases() and self.is_steady():
                return
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"{self.name} did not settle within {seconds} s: {self.ecs_service()['deployments']}")

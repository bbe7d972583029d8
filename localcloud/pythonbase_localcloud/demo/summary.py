"""What the demo made: printed for people, written as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Clients = Callable[[str], Any]
"""Gives a boto3 client by service name."""


@dataclass(frozen=True)
class Deployed:
    """A service in one of its environments, or without."""

    service: str
    environment: str | None = None

    @property
    def name(self) -> str:
        """Name of the ECS service."""
        return f"{self.service}-{self.environment}" if self.environment else self.service


@dataclass(frozen=True, kw_only=True)
class ServiceSummary:
    """One service as it runs, in one environment if it has some. Digests are ``sha256:...``."""

    name: str
    environment: str | None
    url: str | None
    pipeline_status: str
    image_digest: str | None
    base_digest: str | None
    git_url: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The whole demo. ``seconds`` has one entry per step and ``total``.

    ``docker_hub_pulls`` is what the stand-in for Docker Hub counted since the instance was made; None where Docker Hub
    is not stood in for, and nobody counts.
    """

    endpoint_url: str
    account: str
    region: str
    services: list[ServiceSummary]
    docker_hub_pulls: int | None
    seconds: dict[str, float]

    def write(self, path: Path) -> None:
        """Write the summary as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def text(self) -> str:
        """The summary for a terminal."""
        lines = ["", f"AWS endpoint   {self.endpoint_url}  (account {self.account}, {self.region})"]
        for service in self.services:
            lines += [
                "",
                f"{service.name}",
                f"  open         {service.url or '(no load balancer)'}",
                f"  push to      {service.git_url}",
                f"  pipeline     {service.pipeline_status}",
                f"  image        {service.image_digest}",
                f"  base image   {service.base_digest}",
            ]
        pulls = "not counted: it is the real one" if self.docker_hub_pulls is None else f"{self.docker_hub_pulls} pulls"
        lines += ["", f"Docker Hub     {pulls}"]
        steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in self.seconds.items())
        return "\n".join([*lines, f"seconds        {steps}", ""])


def service_summary(
    clients: Clients, deployed: Deployed, *, pipeline_status: str, git_url: str, url: str | None
) -> ServiceSummary:
    """Look a service up in the embedded AWS, as anybody could."""
    return ServiceSummary(
        name=deployed.name,
        environment=deployed.environment,
        url=url,
        pipeline_status=pipeline_status,
        image_digest=_running_digest(clients("ecs"), deployed.name),
        base_digest=_base_digest(clients("ssm"), deployed),
        git_url=git_url,
    )


def load_balancer_name(clients: Clients, name: str) -> str | None:
    """Name of the load balancer in front of a service, or None."""
    service = _service(clients("ecs"), name)
    target_groups = [group["targetGroupArn"] for group in service.get("loadBalancers", [])]
    if not target_groups:
        return None
    elbv2 = clients("elbv2")
    arns = elbv2.describe_target_groups(TargetGroupArns=target_groups)["TargetGroups"][0]["LoadBalancerArns"]
    return str(elbv2.describe_load_balancers(LoadBalancerArns=arns)["LoadBalancers"][0]["LoadBalancerName"])


def _service(ecs: Any, name: str) -> dict[str, Any]:
    for cluster in ecs.list_clusters()["clusterArns"]:
        found: list[dict[str, Any]] = ecs.describe_services(cluster=cluster, services=[name])["services"]
        if found:
            return found[0]
    return {}


def _running_digest(ecs: Any, name: str) -> str | None:
    """The digest that the service's task definition names."""
    service = _service(ecs, name)
    if not service:
        return None
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return _digest(definition["containerDefinitions"][0]["image"])


def _base_digest(ssm: Any, deployed: Deployed) -> str | None:
    path = f"{deployed.service}/{deployed.environment}" if deployed.environment else deployed.service
    value = ssm.get_parameter(Name=f"/pythonbase/services/{path}/base-image")["Parameter"]["Value"]
    return _digest(value)


def _digest(image: str) -> str | None:
    return image.partition("@")[2] or None

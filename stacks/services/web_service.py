"""The ECS service of a service, and the alarms on its releases."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_sns as sns

from pythonbase import (
    Deployment,
    DeploymentStrategy,
    FailureAlarms,
    LoadBalancing,
    Network,
    ReleaseNames,
    TaskSize,
    WebService,
)
from pythonbase_settings import Deployment as DeploymentSettings
from stacks.platform_stack import PlatformStack
from stacks.services.parts import ServiceParts


def add_web_service(
    stack: PlatformStack,
    parts: ServiceParts,
    *,
    names: ReleaseNames,
    network: Network,
    repository_account: str | None = None,
    repository_region: str | None = None,
) -> WebService:
    """Add the service to a stack, and its address to the stack's outputs.

    Args:
        stack: The stack.
        parts: What the service is made from.
        names: Which service and environment.
        network: The network that it runs in.
        repository_account: The account of its images, if it is not the stack's.
        repository_region: The Region of its images, if it is not the stack's.
    """
    settings = parts.settings
    service = WebService(
        stack,
        "Service",
        service_name=names.service_name,
        environment_name=names.environment_name,
        cluster=network.cluster,
        base_image=parts.base_image,
        earlier_base_images=parts.earlier_base_images,
        port=settings.port,
        health_check_path=settings.health_check_path,
        size=TaskSize(
            cpu=settings.cpu,
            memory=settings.memory,
            desired_count=settings.desired_count,
            max_count=settings.max_count,
        ),
        environment=settings.environment,
        secrets={name: stack.secret(f"Secret{name}", reference) for name, reference in settings.secrets.items()},
        load_balancing=LoadBalancing(settings.load_balancer.value),
        deployment=_deployment(settings.deployment),
        # The old containers stay for the bake time before the deployment is over.
        release_timeout=Duration.minutes(30 + (settings.deployment.bake_minutes or 0)),
        repository_account=repository_account,
        repository_region=repository_region,
        release_locks=network.release_locks,
    )
    if service.load_balancer:
        CfnOutput(stack, "Url", value=f"http://{service.load_balancer.load_balancer_dns_name}")
    return service


def add_alarms(stack: PlatformStack, parts: ServiceParts, service: WebService) -> None:
    """Add alarms on failed releases to a stack, if the settings name a topic. They do not depend on who started it."""
    if parts.notifications.topic:
        names = service.names
        environment = f" --environment {names.environment_name}" if names.environment_name else ""
        topic = sns.Topic.from_topic_arn(stack, "AlarmsTopic", parts.notifications.topic)
        FailureAlarms(stack, "Alarms", topic=topic).watch_machine(
            "Release",
            service.release.state_machine,
            what=f"A release to {names.deployed_name}",
            advice=f"pythonbase releases {names.service_name}{environment} says what is recorded, "
            "pythonbase doctor what runs",
        )


def _deployment(settings: DeploymentSettings) -> Deployment:
    return Deployment(
        strategy=DeploymentStrategy(settings.strategy.value),
        bake_time=None if settings.bake_minutes is None else Duration.minutes(settings.bake_minutes),
        alarms=tuple(settings.alarms),
        server_errors=settings.server_errors,
    )

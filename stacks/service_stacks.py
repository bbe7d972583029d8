"""The stacks of a service: what outlives it, where it runs, and its pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, Duration, Environment
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pythonbase import (
    AppPipeline,
    BaseImageReference,
    BitbucketSource,
    Deployment,
    DeploymentStrategy,
    FailureAlarms,
    LoadBalancing,
    Network,
    ReleaseNames,
    ReleaseNotifications,
    ReleaseParameters,
    ReleaseRepository,
    ReleaseStage,
    ReleaseStarter,
    ReleaseState,
    SourcePolicy,
    TaskSize,
    WebService,
)
from pythonbase_settings import BaseImage as BaseImageSettings
from pythonbase_settings import Deployment as DeploymentSettings
from pythonbase_settings import DockerHub, ExecutionMode, Notifications, Service
from pythonbase_settings.names import state_stack_name
from stacks.artifacts_stack import ArtifactsStack
from stacks.platform_stack import PlatformStack


class ServiceStateStack(PlatformStack):
    """What outlives the stack of a service without environments: images and the record of what is released."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        base_image: BaseImageReference,
        env: Environment,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=f"Images and releases of {settings.name}",
            termination_protection=True,
        )
        self.release = ReleaseState(self, "Release", service_name=settings.name, base_image=base_image)


class ServiceRepositoryStack(PlatformStack):
    """What outlives the other stacks of a service with environments: its images."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        pull_accounts: Sequence[str],
        released_from: Sequence[tuple[str, ReleaseNames]],
        env: Environment,
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description=f"Images of {settings.name}", termination_protection=True
        )
        # The same construct id as in ServiceStateStack: a service that gets environments keeps its repository.
        self.release = ReleaseRepository(
            self,
            "Release",
            service_name=settings.name,
            pull_accounts=pull_accounts,
            released_from=released_from,
        )


class EnvironmentStateStack(PlatformStack):
    """What outlives a service's stack in one environment: the record of what is released."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: ReleaseNames,
        base_image: BaseImageReference,
        env: Environment,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=f"Releases of {names.deployed_name}",
            termination_protection=True,
        )
        self.release = ReleaseParameters(self, "Release", names=names, base_image=base_image)


class EnvironmentStack(PlatformStack):
    """A service in one environment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        stage: ReleaseStage,
        base_image: BaseImageReference,
        base_images: Sequence[BaseImageReference],
        network: Network,
        pipeline_account: str,
        pipeline_region: str,
        notifications: Notifications,
        env: Environment,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=_kept(
                f"Service {settings.name} in {stage.names.environment_name}",
                f"the images (stack {state_stack_name(settings.name)})",
                f"the releases (stack {state_stack_name(stage.names.deployed_name)})",
                "the logs",
            ),
        )
        self.service = add_service(
            self,
            settings,
            names=stage.names,
            base_image=base_image,
            base_images=base_images,
            network=network,
            repository_account=pipeline_account if stage.account else None,
            repository_region=pipeline_region if stage.region else None,
        )
        add_alarms(self, self.service, notifications)
        if stage.account:
            ReleaseStarter(self, "Starter", stage=stage, pipeline_account=pipeline_account)


class PipelineStack(PlatformStack):
    """The pipeline of a service with environments."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        stages: Sequence[ReleaseStage],
        base_image: BaseImageReference,
        base_settings: BaseImageSettings,
        connection_arn: str,
        docker_hub: DockerHub,
        notifications: Notifications,
        artifacts: Mapping[str, ArtifactsStack],
        env: Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Pipeline of {settings.name}")
        self.pipeline = add_pipeline(
            self,
            settings,
            stages=stages,
            base_image=base_image,
            base_settings=base_settings,
            connection_arn=connection_arn,
            docker_hub=docker_hub,
            artifact_buckets={region: stack.bucket_for(self) for region, stack in artifacts.items()},
        )
        add_notifications(self, self.pipeline, notifications, service=settings.name)


class ServiceStack(PlatformStack):
    """A service without environments, and its pipeline."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        base_image: BaseImageReference,
        base_images: Sequence[BaseImageReference],
        base_settings: BaseImageSettings,
        network: Network,
        connection_arn: str,
        docker_hub: DockerHub,
        notifications: Notifications,
        env: Environment,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=_kept(
                f"Service {settings.name} and its pipeline",
                f"the images and releases (stack {state_stack_name(settings.name)})",
                "the logs",
                "the pipeline's artifacts",
            ),
        )
        names = ReleaseNames(settings.name)
        self.service = add_service(
            self, settings, names=names, base_image=base_image, base_images=base_images, network=network
        )
        self.pipeline = add_pipeline(
            self,
            settings,
            service=self.service,
            base_image=base_image,
            base_settings=base_settings,
            connection_arn=connection_arn,
            docker_hub=docker_hub,
        )
        add_notifications(self, self.pipeline, notifications, service=settings.name)
        add_alarms(self, self.service, notifications)


def _kept(description: str, *kept: str) -> str:
    """The description of a stack, which says what its deletion leaves."""
    return f"{description}. Deleting this stack leaves {', '.join(kept[:-1])} and {kept[-1]}"


def add_service(
    stack: PlatformStack,
    settings: Service,
    *,
    names: ReleaseNames,
    base_image: BaseImageReference,
    base_images: Sequence[BaseImageReference],
    network: Network,
    repository_account: str | None = None,
    repository_region: str | None = None,
) -> WebService:
    """Add the service to a stack, and its address to the stack's outputs."""
    service = WebService(
        stack,
        "Service",
        service_name=names.service_name,
        environment_name=names.environment_name,
        cluster=network.cluster,
        base_image=base_image,
        earlier_base_images=[other for other in base_images if other is not base_image],
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


def add_pipeline(
    stack: PlatformStack,
    settings: Service,
    *,
    service: WebService | None = None,
    stages: Sequence[ReleaseStage] = (),
    base_image: BaseImageReference,
    base_settings: BaseImageSettings,
    connection_arn: str,
    docker_hub: DockerHub,
    artifact_buckets: Mapping[str, s3.IBucket] | None = None,
) -> AppPipeline:
    """Add the service's pipeline to a stack."""
    pipeline = AppPipeline(
        stack,
        "Pipeline",
        service=service,
        stages=stages,
        source=BitbucketSource(
            connection_arn=connection_arn,
            repository=settings.repository,
            branch=settings.branch,
            tags=tuple(settings.tags),
            paths=tuple(settings.paths),
            unreviewed_tags=settings.unreviewed_tags,
        ),
        base_image=base_image,
        dockerfile=settings.dockerfile,
        context=settings.context,
        test_command=settings.test,
        source_policy=SourcePolicy(
            stands_in_for=tuple(base_settings.stands_in_for),
            official_images=docker_hub.official_images,
            other_images=docker_hub.other_images,
        ),
        pull_through_cache_prefix=docker_hub.pull_through_cache_prefix,
        queue_pushes=settings.execution_mode is ExecutionMode.QUEUED,
        artifact_buckets=artifact_buckets,
    )
    if settings.pull_requests:
        pipeline.add_pull_request_builds()
    return pipeline


def add_notifications(
    stack: PlatformStack, pipeline: AppPipeline, notifications: Notifications, *, service: str
) -> None:
    """Let a topic or a channel know how releases went, where one is set."""
    if notifications.topic or notifications.chatbot:
        ReleaseNotifications(
            stack,
            "Notifications",
            pipeline=pipeline.pipeline,
            rule_name=f"{service}-releases",
            topic_arn=notifications.topic,
            channel_arn=notifications.chatbot,
        )


def add_alarms(stack: PlatformStack, service: WebService, notifications: Notifications) -> None:
    """Let a topic know of releases that fail, whoever started them, where one is set."""
    if notifications.topic:
        names = service.names
        environment = f" --environment {names.environment_name}" if names.environment_name else ""
        FailureAlarms(stack, "Alarms", topic_arn=notifications.topic).watch_machine(
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

"""The two stacks of a service."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from pythonbase import (
    AppPipeline,
    BaseImage,
    BaseImageReference,
    BitbucketSource,
    LoadBalancing,
    ReleaseState,
    SourcePolicy,
    TaskSize,
    WebService,
)
from stacks.platform_stack import PlatformStack
from stacks.settings import BaseImage as BaseImageSettings
from stacks.settings import DockerHub, Service


class ServiceStateStack(PlatformStack):
    """What outlives the service's other stack: images and the record of what is released."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Service, base_image: BaseImageSettings, env: Environment
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=f"Images and releases of {settings.name}",
            termination_protection=True,
        )
        self.release = ReleaseState(
            self, "Release", service_name=settings.name, base_image=_base_image(self, base_image)
        )


class ServiceStack(PlatformStack):
    """A service and its pipeline."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Service,
        base_image: BaseImageSettings,
        cluster: ecs.ICluster,
        connection_arn: str,
        docker_hub: DockerHub,
        env: Environment,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=f"Service {settings.name} and its pipeline")
        base = _base_image(self, base_image)
        self.service = WebService(
            self,
            "Service",
            service_name=settings.name,
            cluster=cluster,
            base_image=base,
            port=settings.port,
            health_check_path=settings.health_check_path,
            size=TaskSize(
                cpu=settings.cpu,
                memory=settings.memory,
                desired_count=settings.desired_count,
                max_count=settings.max_count,
            ),
            environment=settings.environment,
            secrets={name: self.secret(f"Secret{name}", reference) for name, reference in settings.secrets.items()},
            load_balancing=LoadBalancing(settings.load_balancer.value),
        )
        self.pipeline = AppPipeline(
            self,
            "Pipeline",
            service=self.service,
            source=BitbucketSource(
                connection_arn=connection_arn,
                repository=settings.repository,
                branch=settings.branch,
                tags=tuple(settings.tags),
                paths=tuple(settings.paths),
            ),
            base_image=base,
            dockerfile=settings.dockerfile,
            context=settings.context,
            test_command=settings.test,
            source_policy=SourcePolicy(
                stands_in_for=tuple(base_image.stands_in_for),
                official_images=docker_hub.official_images,
                other_images=docker_hub.other_images,
            ),
            pull_through_cache_prefix=docker_hub.pull_through_cache_prefix,
        )
        if settings.pull_requests:
            self.pipeline.add_pull_request_builds()
        if self.service.load_balancer:
            CfnOutput(self, "Url", value=f"http://{self.service.load_balancer.load_balancer_dns_name}")


def _base_image(stack: PlatformStack, settings: BaseImageSettings) -> BaseImageReference:
    """Named by its registry: a reference to the base image's stack would lock the two together."""
    return BaseImage.from_registry(account=stack.account, region=stack.region, name=settings.name)

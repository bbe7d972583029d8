"""What the stacks of a service are made from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aws_cdk import Duration

from pythonbase import BaseImageReference, ReleaseNames, ReleaseStage, SourcePolicy
from pythonbase_settings import Notifications, Service, ServiceEnvironment, Settings, in_environment
from pythonbase_settings.places import place
from stacks.shared_stacks import SharedStacks


@dataclass(frozen=True, kw_only=True)
class ServiceParts:
    """What the stacks of a service are made from.

    Attributes:
        settings: The settings of the service.
        stages: The environments that its pipeline releases to, in their order. Empty: it has no environments.
        base_image: The base image of its builds; it runs this image until its first release.
        earlier_base_images: The other base images. If `base_image` was changed before the first release, the service
            still runs one of these.
        source_policy: What its builds do with images of Docker Hub.
        pull_through_cache_prefix: Prefix of the pull-through cache rule for Docker Hub.
        connection_arn: ARN of the connection to Bitbucket.
        notifications: The topic and the chat channel for its releases.
    """

    settings: Service
    stages: tuple[ReleaseStage, ...]
    base_image: BaseImageReference
    earlier_base_images: tuple[BaseImageReference, ...]
    source_policy: SourcePolicy
    pull_through_cache_prefix: str
    connection_arn: str
    notifications: Notifications

    @staticmethod
    def of(service: Service, *, settings: Settings, shared: SharedStacks) -> ServiceParts:
        """The parts of one service, from the settings and the shared stacks."""
        base_image = shared.base_images[service.base_image]
        others = [stack for stack in shared.base_images.values() if stack is not base_image]
        return ServiceParts(
            settings=service,
            stages=tuple(_stage(service, environment, settings) for environment in service.environments),
            base_image=base_image.reference,
            earlier_base_images=tuple(stack.reference for stack in others),
            source_policy=SourcePolicy(
                stands_in_for=base_image.stands_in_for,
                official_images=settings.docker_hub.official_images,
                other_images=settings.docker_hub.other_images,
            ),
            pull_through_cache_prefix=settings.docker_hub.pull_through_cache_prefix,
            connection_arn=shared.bitbucket.connection_arn,
            notifications=settings.notifications if service.notifications is None else service.notifications,
        )

    def in_environment(self, environment: ServiceEnvironment) -> ServiceParts:
        """The same parts, with the settings of the service in this environment."""
        return replace(self, settings=in_environment(self.settings, environment))


def _stage(service: Service, environment: ServiceEnvironment, settings: Settings) -> ReleaseStage:
    where, minutes = place(environment.name, settings), environment.approval_timeout
    return ReleaseStage(
        ReleaseNames(service.name, environment.name),
        approval=environment.approval,
        approval_timeout=Duration.minutes(minutes) if minutes else None,
        account=where.account,
        region=where.region,
    )

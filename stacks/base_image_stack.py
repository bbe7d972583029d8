"""The stack of a base image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Environment
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from constructs import Construct

from pythonbase import BaseImage, FailureAlarms
from pythonbase_settings import BaseImage as BaseImageSettings
from pythonbase_settings import Notifications
from stacks.platform_stack import PlatformStack


class BaseImageStack(PlatformStack):
    """One base image: repository, build, refresh."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: BaseImageSettings,
        folder: Path,
        pull_accounts: Sequence[str],
        notifications: Notifications,
        env: Environment,
    ) -> None:
        # No termination protection: a first deployment whose build fails could not be tried again. Images are retained.
        super().__init__(scope, construct_id, env=env, description=f"Base image {settings.name}")
        self.stands_in_for = tuple(settings.stands_in_for)
        # For other stacks: with a reference to a resource here, neither stack could be updated without the other.
        self.reference = BaseImage.from_registry(account=self.account, region=self.region, name=settings.name)
        self.base_image = BaseImage(
            self,
            "BaseImage",
            repository_name=settings.name,
            source=folder,
            pull_accounts=pull_accounts,
            upstream=settings.upstream,
            upstream_credentials=(
                self.secret("UpstreamCredentials", settings.upstream_credentials)
                if settings.upstream_credentials
                else None
            ),
            refresh=scheduler.ScheduleExpression.expression(settings.refresh),
        )
        if notifications.topic:
            topic = sns.Topic.from_topic_arn(self, "Topic", notifications.topic)
            alarms = FailureAlarms(self, "Alarms", topic=topic)
            alarms.watch_builds(
                "RefreshFailed",
                self.base_image.project,
                what=f"The build of the base image {settings.name}",
                advice="Services keep the image that they have. pythonbase doctor says how old it is",
            )
            if self.base_image.docker_hub_alarm:
                alarms.tell_of(self.base_image.docker_hub_alarm)

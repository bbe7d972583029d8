"""A base image: repository, build, refresh schedule, first build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from pythonbase.images._build import ImageBuild
from pythonbase.images._upstream import Upstream
from pythonbase.images.project import ImageProject
from pythonbase.images.pull_headroom import PullHeadroom
from pythonbase.images.reference import MOVING_TAG, BaseImageReference
from pythonbase.images.repository import PULL_ACTIONS, PUSH_ACTIONS, image_repository
from pythonbase.permissions.statements import see_bucket
from pythonbase_buildspecs import base_image_buildspec

DEFAULT_UPSTREAM = "public.ecr.aws/docker/library/python:3.13-slim"
"""ECR Public's mirror of the Docker Official Image: no Docker Hub account, no Docker Hub limit."""


class BaseImage(Construct):
    """A base image in a private ECR repository, built during the deployment and kept fresh.

    Creates the repository (retained, scanned, tags immutable except ``latest``), a CodeBuild project that builds the
    folder, a schedule that runs it, and a first build that the deployment waits for. If the folder or the upstream
    reference changes, the next deployment builds the image again.

    Args:
        scope: Parent of the base image.
        construct_id: Id in the parent.
        repository_name: Name of the ECR repository, such as ``pythonbase``.
        source: Folder with a ``Dockerfile`` that starts with ``ARG UPSTREAM_IMAGE`` and ``FROM ${UPSTREAM_IMAGE}``. The
            image's default command must answer HTTP requests with 200 on ``$PORT``, because services run it before
            their first release.
        upstream: Reference of the image that it is built from, in any registry. Default: ECR Public's mirror of
            Docker's Python image. If it is on Docker Hub, each refresh records how many pulls are left as the metric
            ``DockerHubPullsRemaining``, with an alarm.
        upstream_credentials: Secret ``{"username": …, "accessToken": …}`` for the upstream's registry, in the form that
            ECR's pull-through cache takes. Default: anonymous pulls, except from ECR and ECR Public: the build logs in.
        upstream_patience: How long a build waits for a registry that is busy or unavailable. Default: 30 minutes.
        refresh: When to check for a newer upstream image. Default: once a day. If it has not changed, the build ends
            within seconds.
        pull_accounts: Other AWS accounts that may pull. Default: only this account.

    Raises:
        ValueError: if the folder has no ``Dockerfile``, or the upstream is not an image reference.

    Example::

        base = BaseImage(self, "Base", repository_name="pythonbase", source=Path("images/pythonbase"))
        base.grant_pull(role)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository_name: str,
        source: Path,
        upstream: str = DEFAULT_UPSTREAM,
        upstream_credentials: secretsmanager.ISecret | None = None,
        upstream_patience: Duration | None = None,
        refresh: scheduler.ScheduleExpression | None = None,
        pull_accounts: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        if not (source / "Dockerfile").is_file():
            raise ValueError(f"source must be a folder with a Dockerfile, got {str(source)!r}")
        source_image = Upstream.of(upstream)
        stack = Stack.of(self)
        self._reference = BaseImageReference(account=stack.account, region=stack.region, name=repository_name)
        self.repository: ecr.Repository = image_repository(
            self, "Repository", repository_name=repository_name, moving_tags=(MOVING_TAG,)
        )
        for account in pull_accounts:
            self.repository.grant_pull(iam.AccountPrincipal(account))

        # Files that Python writes when the folder's code runs or is tested must not change the asset's hash.
        asset = s3_assets.Asset(self, "Source", path=str(source), exclude=["**/__pycache__", "**/*.pyc"])
        build = ImageProject(
            self,
            "Build",
            buildspec=base_image_buildspec(),
            description=f"Builds the base image {repository_name} and keeps it fresh",
            environment={
                "AWS_ACCOUNT_ID": stack.account,
                "MOVING_TAG": MOVING_TAG,
                "REPOSITORY_NAME": repository_name,
                "REPOSITORY_URI": self.repository_uri,
                "SOURCE_HASH": asset.asset_hash,
                **source_image.environment(upstream_credentials, patience=upstream_patience or Duration.minutes(30)),
            },
            source=codebuild.Source.s3(bucket=asset.bucket, path=asset.s3_object_key),
        )
        self.project: codebuild.Project = build.project
        self._grant_publish(build.role, asset)
        source_image.allow_pull(build.role, upstream_credentials)
        self.docker_hub_alarm: cloudwatch.Alarm | None = None
        """In ALARM when few Docker Hub pulls are left; None if the upstream is not on Docker Hub."""
        if source_image.is_on_docker_hub:
            self.docker_hub_alarm = PullHeadroom(
                self, "DockerHub", repository_name=repository_name, writer=build.role
            ).alarm

        refreshes = scheduler.Schedule(
            self,
            "Refresh",
            schedule=refresh or scheduler.ScheduleExpression.rate(Duration.days(1)),
            target=targets.CodeBuildStartBuild(self.project),
            description=f"Looks for a newer upstream image of {repository_name}",
        )
        self.first_build = ImageBuild(
            self, "FirstBuild", project=build, trigger=f"{asset.asset_hash} {source_image.reference}"
        )
        self.first_build.node.add_dependency(self.repository)
        # A rate without a start date runs at once, at the same time as the first build:
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
        refreshes.node.add_dependency(self.first_build)

    @staticmethod
    def from_registry(*, account: str, region: str, name: str) -> BaseImageReference:
        """The base image of another stack, Region or account, identified by its registry.

        Raises:
            ValueError: if the account is not a 12-digit number.
        """
        return BaseImageReference(account=account, region=region, name=name)

    @property
    def account(self) -> str:
        """The AWS account that owns the repository."""
        return self._reference.account

    @property
    def repository_uri(self) -> str:
        """URI of the repository, without a tag."""
        return self._reference.repository_uri

    @property
    def uri(self) -> str:
        """Reference of the newest image: the repository with the moving tag."""
        return self._reference.uri

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow pulling the image."""
        return self._reference.grant_pull(grantee)

    def _grant_publish(self, role: iam.Role, asset: s3_assets.Asset) -> None:
        """Allow the build to read its source and to push to its one repository."""
        self.repository.grant(role, *PULL_ACTIONS, *PUSH_ACTIONS)
        role.add_to_policy(see_bucket(asset.bucket))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[asset.bucket.arn_for_objects(asset.s3_object_key)],
            )
        )

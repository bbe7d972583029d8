"""The pipeline of a service."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from pythonbase import AppPipeline, BitbucketSource, BuildOptions, ReleaseNotifications, WebService
from pythonbase_settings import ExecutionMode
from stacks.platform_stack import PlatformStack
from stacks.services.parts import ServiceParts


def add_pipeline(
    stack: PlatformStack,
    parts: ServiceParts,
    *,
    service: WebService | None = None,
    artifact_buckets: Mapping[str, s3.IBucket] | None = None,
) -> AppPipeline:
    """Add the pipeline to a stack, with what builds pull requests and sends notifications if the settings say so.

    Args:
        stack: The stack.
        parts: What the service is made from.
        service: The service to release to, if it has no environments.
        artifact_buckets: A bucket in each other Region with an environment.
    """
    settings = parts.settings
    pipeline = AppPipeline(
        stack,
        "Pipeline",
        service=service,
        stages=parts.stages,
        source=BitbucketSource(
            connection_arn=parts.connection_arn,
            repository=settings.repository,
            branch=settings.branch,
            tags=tuple(settings.tags),
            paths=tuple(settings.paths),
            unreviewed_tags=settings.unreviewed_tags,
        ),
        base_image=parts.base_image,
        dockerfile=settings.dockerfile,
        context=settings.context,
        test_command=settings.test,
        source_policy=parts.source_policy,
        build_options=BuildOptions(
            args=settings.build.args,
            target=settings.build.target,
            timeout=Duration.minutes(settings.build.timeout),
            compute_type=codebuild.ComputeType[settings.build.compute.name],
        ),
        pull_through_cache_prefix=parts.pull_through_cache_prefix,
        queue_pushes=settings.execution_mode is ExecutionMode.QUEUED,
        artifact_buckets=artifact_buckets,
    )
    if settings.pull_requests:
        pipeline.add_pull_request_builds()
    topic, channel = parts.notifications.topic, parts.notifications.chatbot
    if topic or channel:
        ReleaseNotifications(
            stack,
            "Notifications",
            pipeline=pipeline.pipeline,
            rule_name=f"{settings.name}-releases",
            topic=sns.Topic.from_topic_arn(stack, "NotificationsTopic", topic) if topic else None,
            channel_arn=channel,
        )
    return pipeline

"""The ECR repository that base images and services use."""

from __future__ import annotations

from aws_cdk import Arn, ArnComponents, Aws, Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
"""What ``docker pull`` needs: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html"""

PUSH_ACTIONS = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")
"""What ``docker push`` needs in addition: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html"""

PULL_THROUGH_ACTIONS = ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository")
"""What the first pull through a cache needs in addition:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html"""


RELEASE_TAGS = "release-*"
"""Tags of the images that a service has released: ``release-<n>`` or ``release-<environment>-<n>``, where n is the
version of the image parameter modulo 128. SSM keeps 100 versions, so these images run or can be rolled back to:
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html"""

NEWEST_KEPT = 500
"""Number of images that a repository always keeps: the last ones pushed."""

_NO_LIMIT = 9_999
"""More images than moving tags can name: 128 for each environment of a service."""


def repository_arn(*, account: str, region: str, name: str) -> str:
    """ARN of a repository, in whatever account and Region of the partition."""
    return Arn.format(
        ArnComponents(
            partition=Aws.PARTITION,
            service="ecr",
            region=region,
            account=account,
            resource="repository",
            resource_name=name,
        )
    )


def image_repository(
    scope: Construct, construct_id: str, *, repository_name: str, moving_tags: tuple[str, ...] = ()
) -> ecr.Repository:
    """An ECR repository that is retained, with immutable tags, scan on push and encryption.

    Images with one of the moving tags never expire, nor do the newest 500.

    Args:
        scope: Parent of the repository.
        construct_id: Id of the repository in its parent.
        repository_name: Physical name, which other systems use to pull.
        moving_tags: Tags that may be moved to another image, because they mark what is in use; ``*`` stands for any
            text. All other tags are immutable. Default: none.
    """
    immutable = ecr.TagMutability.IMMUTABLE_WITH_EXCLUSION if moving_tags else ecr.TagMutability.IMMUTABLE
    return ecr.Repository(
        scope,
        construct_id,
        repository_name=repository_name,
        image_scan_on_push=True,
        image_tag_mutability=immutable,
        image_tag_mutability_exclusion_filters=[
            ecr.ImageTagMutabilityExclusionFilter.wildcard(tag) for tag in moving_tags
        ]
        or None,
        encryption=ecr.RepositoryEncryption.AES_256,
        # Not retained if its creation is rolled back: at the next attempt, the name would be in use.
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        lifecycle_rules=_lifecycle_rules(moving_tags),
    )


def _lifecycle_rules(moving_tags: tuple[str, ...]) -> list[ecr.LifecycleRule]:
    """ECR does not know which images run (containers-roadmap#1078), so tags mark them.

    "An image that matches the tagging requirements of a rule cannot be expired or archived by a rule with a lower
    priority": https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html#lp_evaluation_rules
    """
    in_use = [
        ecr.LifecycleRule(
            description=f"Keep what is in use: {tag}",
            rule_priority=priority,
            tag_status=ecr.TagStatus.TAGGED,
            # One rule per tag: a rule with several tags selects only images that have all of them.
            tag_pattern_list=[tag],
            max_image_count=_NO_LIMIT,
        )
        for priority, tag in enumerate(moving_tags, start=1)
    ]
    return [
        *in_use,
        ecr.LifecycleRule(
            description="Remove images that no tag names, a month after their push",
            rule_priority=len(in_use) + 1,
            tag_status=ecr.TagStatus.UNTAGGED,
            max_image_age=Duration.days(30),
        ),
        ecr.LifecycleRule(
            description=f"Keep the newest {NEWEST_KEPT} images",
            rule_priority=len(in_use) + 2,
            tag_status=ecr.TagStatus.ANY,
            max_image_count=NEWEST_KEPT,
        ),
    ]

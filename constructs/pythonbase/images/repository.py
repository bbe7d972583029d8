"""The ECR repository that base images and services use."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
"""What ``docker pull`` needs: https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html"""

PUSH_ACTIONS = ("ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")
"""What ``docker push`` needs besides: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html"""

PULL_THROUGH_ACTIONS = ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository")
"""What the first pull through a cache needs besides:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html"""


RELEASE_TAGS = "release-*"
"""Tags of what a service has released: ``release-<n>`` or ``release-<environment>-<n>``, with n the version of the
image parameter modulo 128. SSM keeps 100 versions, so these are the images that run or that a rollback can go to:
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html"""

NEWEST_KEPT = 500
"""Images that a repository keeps in any case, by their push."""

_NEVER = 9_999
"""More images than moving tags can name: 128 for each environment of a service."""


def image_repository(
    scope: Construct, construct_id: str, *, repository_name: str, moving_tags: tuple[str, ...] = ()
) -> ecr.Repository:
    """A repository that loses nothing: retained, immutable tags, scanned on push, encrypted.

    An image that one of the moving tags names never expires, and neither do the newest 500.

    Args:
        scope: Parent of the repository.
        construct_id: Id of the repository in its parent.
        repository_name: Physical name; other systems pull by it.
        moving_tags: Tags that may be moved to another image, because they say what is in use; ``*`` stands for any
            text. All other tags stay on the image that got them first.
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
        # Not when its creation is rolled back: its name would be taken at the next attempt.
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        lifecycle_rules=_lifecycle_rules(moving_tags),
    )


def _lifecycle_rules(moving_tags: tuple[str, ...]) -> list[ecr.LifecycleRule]:
    """ECR does not know what runs (containers-roadmap#1078), but tags do.

    "An image that matches the tagging requirements of a rule cannot be expired or archived by a rule with a lower
    priority": https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html#lp_evaluation_rules
    """
    in_use = [
        ecr.LifecycleRule(
            description=f"Keep what is in use: {tag}",
            rule_priority=priority,
            tag_status=ecr.TagStatus.TAGGED,
            # One rule a tag: a rule with several selects images that have all of them.
            tag_pattern_list=[tag],
            max_image_count=_NEVER,
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

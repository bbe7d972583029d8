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


def image_repository(
    scope: Construct, construct_id: str, *, repository_name: str, moving_tags: tuple[str, ...] = ()
) -> ecr.Repository:
    """A repository that loses nothing: retained, immutable tags, scanned on push, encrypted.

    Args:
        scope: Parent of the repository.
        construct_id: Id of the repository in its parent.
        repository_name: Physical name; other systems pull by it.
        moving_tags: Tags that may be moved to another image. All other tags stay on the image that got them first.
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
        lifecycle_rules=[
            ecr.LifecycleRule(
                description="Remove images that no tag names, a month after their push",
                rule_priority=1,
                tag_status=ecr.TagStatus.UNTAGGED,
                max_image_age=Duration.days(30),
            ),
            # ECR does not know what runs (containers-roadmap#1078): keep by count, far more than can be in use.
            ecr.LifecycleRule(
                description="Keep the newest 500 images",
                rule_priority=2,
                tag_status=ecr.TagStatus.ANY,
                max_image_count=500,
            ),
        ],
    )

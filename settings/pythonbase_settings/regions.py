"""What AWS does not offer in every Region, and the partitions of Regions."""

from __future__ import annotations

WITHOUT_CONNECTIONS = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-3",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "cn-north-1",
        "cn-northwest-1",
        "eu-central-2",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "us-gov-west-1",
    }
)
"""Regions without connections to Bitbucket, where no pipeline can be:
https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html; the page
does not name the Regions without CodePipeline or CodeConnections: they have no endpoint in the AWS SDKs."""

WITHOUT_NOTIFICATIONS = frozenset({"eu-south-1", "us-gov-east-1"})
"""Regions with connections but without notification rules for pipelines, by the endpoints in the AWS SDKs."""

FARGATE_ZONES = {
    "ap-northeast-1": ("apne1-az1", "apne1-az2", "apne1-az4"),
    "cn-north-1": ("cnn1-az1", "cnn1-az2"),
    "us-west-1": ("usw1-az1", "usw1-az3"),
}
"""IDs of the availability zones with Fargate, for the Regions that also have zones without it:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html"""

_PARTITIONS = {
    "cn": "aws-cn",
    "us-gov": "aws-us-gov",
    "us-iso": "aws-iso",
    "us-isob": "aws-iso-b",
    "eu-isoe": "aws-iso-e",
    "us-isof": "aws-iso-f",
    "eusc": "aws-eusc",
}


def partition_of(region: str) -> str:
    """The partition of a Region. ARNs start with `arn:<partition>:`.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    words = region.split("-")
    return _PARTITIONS.get("-".join(words[:2])) or _PARTITIONS.get(words[0]) or "aws"

"""What AWS does not offer in every Region, and which partition a Region is in."""

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
"""Regions without connections to Bitbucket, so that no pipeline can be there:
https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html; those that it
does not name, because CodePipeline or CodeConnections is not there at all, have no endpoint in AWS's SDKs."""

WITHOUT_NOTIFICATIONS = frozenset({"eu-south-1", "us-gov-east-1"})
"""Regions with connections and without notification rules on pipelines, by the endpoints of AWS's SDKs."""

FARGATE_ZONES = {
    "ap-northeast-1": ("apne1-az1", "apne1-az2", "apne1-az4"),
    "cn-north-1": ("cnn1-az1", "cnn1-az2"),
    "us-west-1": ("usw1-az1", "usw1-az3"),
}
"""Ids of the Availability Zones with Fargate, in the Regions that have others too:
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
    """The partition that a Region is in; ARNs begin with it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    words = region.split("-")
    return _PARTITIONS.get("-".join(words[:2])) or _PARTITIONS.get(words[0]) or "aws"

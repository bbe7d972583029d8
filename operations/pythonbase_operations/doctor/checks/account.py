"""The service-linked role that an account has only after its first use of ECS."""

from __future__ import annotations

from botocore.exceptions import ClientError

from pythonbase_operations.doctor.aws import Aws, code_of
from pythonbase_operations.doctor.declared import Platform
from pythonbase_operations.doctor.finding import Finding, Severity

ECS_ROLE = "AWSServiceRoleForECS"
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html"""


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read whether the service-linked role of ECS exists. Without services, it is not needed."""
    if not platform.services:
        return []
    try:
        aws.client("iam").get_role(RoleName=ECS_ROLE)
    except ClientError as error:
        if code_of(error) != "NoSuchEntity":
            raise
        return judge(is_there=False)
    return judge(is_there=True)


def judge(*, is_there: bool) -> list[Finding]:
    """Whether the first service can be created. ECS creates the role with the first cluster, but not always in time."""
    if is_there:
        return []
    return [
        Finding(
            place=f"role {ECS_ROLE}",
            what="the account has never used ECS, so the first deployment can fail with 'Unable to assume the "
            "service linked role'",
            fix="aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
            severity=Severity.WARNING,
        )
    ]

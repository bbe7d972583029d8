"""ECS's service-linked role, which the account's first cluster brings.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html
"""

from __future__ import annotations

from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties, amend

_SERVICE, _NAME, _MINISTACKS_NAME = "ecs.amazonaws.com", "AWSServiceRoleForECS", "AWSServiceRoleForEcs"


def _with_cluster(physical_id: str, properties: Properties) -> None:
    del physical_id, properties
    if _NAME not in seams.iam._roles:
        seams.iam._IAM_HANDLERS["CreateServiceLinkedRole"]({"AWSServiceName": [_SERVICE]})


def install() -> None:
    """Make the role with a cluster, and give it its name where somebody asks for it."""
    create = seams.iam._IAM_HANDLERS["CreateServiceLinkedRole"]

    def create_role(parameters: Any) -> Any:
        response = create(parameters)
        role = seams.iam._roles.pop(_MINISTACKS_NAME, None)
        if role:
            arn = role["Arn"].replace(_MINISTACKS_NAME, _NAME)
            seams.iam._roles[_NAME] = {**role, "RoleName": _NAME, "Arn": arn}
        return response

    seams.iam._IAM_HANDLERS["CreateServiceLinkedRole"] = create_role
    amend("AWS::ECS::Cluster", _with_cluster)

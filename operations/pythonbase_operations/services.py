"""Finds a deployed service."""

from __future__ import annotations

from typing import Any

from pythonbase_operations.aws import OperationError
from pythonbase_operations.names import Names, service_folder

_CLUSTER_TAG = "pythonbase:cluster"
"""Tag of a state machine that releases; the same as ``pythonbase.releases.names.CLUSTER_TAG``."""


def find(ssm: Any, service: str, environment: str | None) -> Names:
    """The names of a service in an environment.

    Raises:
        OperationError: if there is no such service or environment, or there are several and none is named.
    """
    folder = service_folder(service)
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=folder, Recursive=True)
    paths = [parameter["Name"].removeprefix(f"{folder}/") for page in pages for parameter in page["Parameters"]]
    found = sorted({path.rpartition("/")[0] for path in paths if path.endswith(("/release", "release"))})
    if not found:
        raise OperationError(f"there is no service {service} in this account and Region, or it has no releases yet")
    if environment is None and len(found) == 1:
        return Names(service, found[0])
    if environment in found:
        return Names(service, environment or "")
    named = ", ".join(name or "none" for name in found)
    asked = "name one with --environment" if environment is None else f"there is no {environment}"
    raise OperationError(f"{service} has the environments {named}: {asked}")


def state_machine_arn(sts: Any, names: Names) -> tuple[str, str]:
    """ARN of the service's release state machine, and ARN of the caller."""
    caller = str(sts.get_caller_identity()["Arn"])
    _, partition, _, _, account, _ = caller.split(":", 5)
    arn = f"arn:{partition}:states:{sts.meta.region_name}:{account}:stateMachine:{names.state_machine}"
    return arn, caller


def cluster_of(sfn: Any, state_machine_arn: str) -> str:
    """Name of the ECS cluster of the service that a state machine releases.

    Raises:
        OperationError: if the state machine does not exist or does not name it.
    """
    try:
        tags = sfn.list_tags_for_resource(resourceArn=state_machine_arn)["tags"]
    except sfn.exceptions.ResourceNotFound as error:
        raise OperationError(f"there is no state machine {state_machine_arn}: deploy the service's stack") from error
    for tag in tags:
        if tag["key"] == _CLUSTER_TAG:
            return str(tag["value"])
    raise OperationError(f"{state_machine_arn} has no tag {_CLUSTER_TAG}: deploy the service's stack")

"""Change sets of which MiniStack knows too little: of outputs alone, and drift-aware ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties

_EMPTY = "The submitted information didn't contain changes."


def install() -> None:
    """Make change sets of outputs alone executable, and let ``REVERT_DRIFT`` revert drift."""
    actions = seams.cfn_handlers._ACTION_HANDLERS
    create, execute = actions["CreateChangeSet"], actions["ExecuteChangeSet"]

    def create_change_set(parameters: Any) -> Any:
        response = create(parameters)
        change_set = _change_set(parameters)
        if change_set is None:
            return response
        change_set["_reverts_drift"] = seams.cfn_handlers._p(parameters, "DeploymentMode") == "REVERT_DRIFT"
        reverts = change_set["_reverts_drift"] and _drifts(change_set)
        # AWS executes a change set of outputs alone, whose list of changes is empty: this is how an output that another
        # stack begins to read is added to a stack that stays as it is.
        if change_set["StatusReason"].startswith(_EMPTY) and (reverts or _outputs_differ(change_set)):
            change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")
        return response

    def execute_change_set(parameters: Any) -> Any:
        change_set = _change_set(parameters)
        if change_set is not None and change_set.get("_reverts_drift"):
            # Compared with what is there, the template's value is a change; a rollback restores what was there:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
            for properties, actual in _drifts(change_set):
                properties.update(actual)
        return execute(parameters)

    actions["CreateChangeSet"], actions["ExecuteChangeSet"] = create_change_set, execute_change_set


def _change_set(parameters: Any) -> Any:
    name, stack_name = (seams.cfn_handlers._p(parameters, key) for key in ("ChangeSetName", "StackName"))
    return seams.cfn_changesets._find_change_set(name, stack_name)[1]


def _outputs_differ(change_set: Any) -> bool:
    deployed = seams.cloudformation._stacks[change_set["StackName"]].get("_template") or {}
    return bool(change_set["_template"].get("Outputs", {}) != deployed.get("Outputs", {}))


def _drifts(change_set: Any) -> list[tuple[dict[str, Any], Properties]]:
    """The remembered properties of drifted resources, with what they are now."""
    stack = seams.cloudformation._stacks.get(change_set["StackName"]) or {}
    found = []
    for resource in stack.get("_resources", {}).values():
        reader = _READERS.get(resource.get("ResourceType", ""))
        properties = resource.get("Properties") or {}
        actual = reader(resource["PhysicalResourceId"]) if reader else {}
        if any(properties.get(name) != value for name, value in actual.items()):
            found.append((properties, actual))
    return found


def _service(arn: str) -> Properties:
    service = seams.ecs._services.get("/".join(arn.split("/")[-2:]))
    return {"TaskDefinition": service["taskDefinition"]} if service else {}


def _parameter(name: str) -> Properties:
    parameter = seams.ssm._parameters.get(name)
    return {"Value": parameter["Value"]} if parameter else {}


def _repository(name: str) -> Properties:
    repository = seams.ecr._repositories.get(name)
    if not repository:
        return {}
    policy, lifecycle = seams.ecr._repo_policies.get(name), seams.ecr._lifecycle_policies.get(name)
    return {
        "ImageTagMutability": repository["imageTagMutability"],
        "RepositoryPolicyText": json.loads(policy) if policy else None,
        "LifecyclePolicy": {"LifecyclePolicyText": lifecycle} if lifecycle else None,
    }


_READERS: dict[str, Callable[[str], Properties]] = {
    "AWS::ECR::Repository": _repository,
    "AWS::ECS::Service": _service,
    "AWS::SSM::Parameter": _parameter,
}
"""Of the types that are changed outside CloudFormation here, or imported: the properties that can differ."""

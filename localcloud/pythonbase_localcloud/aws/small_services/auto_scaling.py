"""Application Auto Scaling: targets and policies are kept and shown; nothing scales by itself."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import json_service, scope, store
from pythonbase_localcloud.aws.cloudformation.types import Properties, Resource, register

_targets = store.scoped_store("application-autoscaling", "targets")
_policies = store.scoped_store("application-autoscaling", "policies")


def _target_key(members: Properties) -> str:
    return "|".join(str(members[name]) for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))


def register_target(members: Properties) -> dict[str, Any]:
    """RegisterScalableTarget: makes the target or changes its limits."""
    key = _target_key(members)
    record = _targets.get(key) or {
        "ServiceNamespace": members["ServiceNamespace"],
        "ResourceId": members["ResourceId"],
        "ScalableDimension": members["ScalableDimension"],
        "CreationTime": time.time(),
        "ScalableTargetARN": f"arn:aws:application-autoscaling:{scope.region()}:{scope.account()}:scalable-target/"
        f"{uuid4().hex[:24]}",
    }
    for limit in ("MinCapacity", "MaxCapacity"):
        if limit in members:
            record[limit] = int(members[limit])
    record["RoleARN"] = (
        members.get("RoleARN")
        or record.get("RoleARN")
        or (
            f"arn:aws:iam::{scope.account()}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
            "AWSServiceRoleForApplicationAutoScaling_ECSService"
        )
    )
    _targets[key] = record
    return record


def put_policy(members: Properties) -> dict[str, Any]:
    """PutScalingPolicy: makes the policy or replaces its content."""
    key = f"{_target_key(members)}|{members['PolicyName']}"
    record = _policies.get(key) or {
        "PolicyARN": f"arn:aws:autoscaling:{scope.region()}:{scope.account()}:scalingPolicy:{uuid4()}:resource/"
        f"{members['ServiceNamespace']}/{members['ResourceId']}:policyName/{members['PolicyName']}",
        "CreationTime": time.time(),
    }
    record.update({name: value for name, value in members.items() if name != "ScalingTargetId"})
    record.setdefault("PolicyType", "StepScaling")
    record.setdefault("Alarms", [])
    _policies[key] = record
    return record


def _selected(records: Any, members: Properties, *, resources: str) -> list[dict[str, Any]]:
    return [
        record
        for record in records.values()
        if record["ServiceNamespace"] == members.get("ServiceNamespace")
        and (not members.get(resources) or record["ResourceId"] in members[resources])
        and (not members.get("ScalableDimension") or record["ScalableDimension"] == members["ScalableDimension"])
    ]


def _describe_targets(members: Properties) -> dict[str, Any]:
    return {"ScalableTargets": _selected(_targets, members, resources="ResourceIds")}


def _describe_policies(members: Properties) -> dict[str, Any]:
    wanted = {**members, "Resources": [members["ResourceId"]] if members.get("ResourceId") else None}
    return {"ScalingPolicies": _selected(_policies, wanted, resources="Resources")}


def _deregister_target(members: Properties) -> dict[str, Any]:
    key = _target_key(members)
    if _targets.pop(key, None) is None:
        raise json_service.ApiError("ObjectNotFoundException", f"No scalable target found for {members['ResourceId']}")
    for policy in [name for name in _policies if name.startswith(f"{key}|")]:
        _policies.pop(policy, None)
    return {}


def _delete_policy(members: Properties) -> dict[str, Any]:
    _policies.pop(f"{_target_key(members)}|{members['PolicyName']}", None)
    return {}


def _create_target(logical_id: str, properties: Properties, stack: str) -> Resource:
    del logical_id, stack
    register_target(properties)
    key = _target_key(properties)
    return Resource(key, {"Id": key})


def _update_target(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    del physical_id, old
    return _create_target(logical_id, new, stack)


def _delete_target(physical_id: str, properties: Properties) -> None:
    del properties
    _targets.pop(physical_id, None)


def _create_policy(logical_id: str, properties: Properties, stack: str) -> Resource:
    del logical_id, stack
    names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
    members = dict(properties)
    if "ScalingTargetId" in properties:
        members.update(zip(names, str(properties["ScalingTargetId"]).split("|"), strict=True))
    arn = put_policy(members)["PolicyARN"]
    return Resource(arn, {"Arn": arn})


def _update_policy(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    del physical_id, old
    return _create_policy(logical_id, new, stack)


def _delete_policy_resource(physical_id: str, properties: Properties) -> None:
    del properties
    for key, record in _policies.items():
        if record["PolicyARN"] == physical_id:
            _policies.pop(key, None)


def install() -> None:
    """Register the service and its two resource types."""
    json_service.register(
        "application-autoscaling",
        target_prefix="AnyScaleFrontendService",
        operations={
            "DescribeScalableTargets": _describe_targets,
            "DescribeScalingPolicies": _describe_policies,
            "DescribeScalingActivities": lambda _: {"ScalingActivities": []},
            "DescribeScheduledActions": lambda _: {"ScheduledActions": []},
            "RegisterScalableTarget": lambda members: {
                "ScalableTargetARN": register_target(members)["ScalableTargetARN"]
            },
            "PutScalingPolicy": lambda members: {"PolicyARN": put_policy(members)["PolicyARN"], "Alarms": []},
            "DeregisterScalableTarget": _deregister_target,
            "DeleteScalingPolicy": _delete_policy,
            "ListTagsForResource": lambda _: {"Tags": {}},
        },
    )
    register(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        create=_create_target,
        update=_update_target,
        delete=_delete_target,
    )
    register(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        create=_create_policy,
        update=_update_policy,
        delete=_delete_policy_resource,
    )

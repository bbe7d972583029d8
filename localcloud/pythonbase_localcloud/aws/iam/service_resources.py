"""The resources of requests, service by service, after the Service Authorization Reference.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams

Members = Mapping[str, Any]
ANY = "*"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{scope.region()}:{scope.account()}:{resource}"


def ecs_cluster(value: Any) -> str:
    return str(value or "default").rsplit("/", 1)[-1]


def _ecs_service(members: Members, name: Any) -> str:
    name = str(name or "")
    if name.startswith("arn:"):
        return str(name)
    return arn("ecs", f"service/{ecs_cluster(members.get('cluster'))}/{name}")


def _ecs_task(members: Members, name: Any) -> str:
    name = str(name or "")
    return name if name.startswith("arn:") else arn("ecs", f"task/{ecs_cluster(members.get('cluster'))}/{name}")


def _ecs_task_definition(name: Any) -> str:
    name = str(name or "")
    if name.startswith("arn:"):
        return str(name)
    if ":" not in name:
        name += f":{seams.ecs._task_def_latest.get(name, ANY)}"
    return arn("ecs", f"task-definition/{name}")


def _ecs_family(members: Members) -> str:
    # The revision does not exist yet; AWS checks the family with the revision it is about to have.
    family = str(members.get("family", ""))
    return arn("ecs", f"task-definition/{family}:{seams.ecs._task_def_latest.get(family, 0) + 1}")


_ECS: dict[str, Callable[[Members], Iterable[str]]] = {
    **dict.fromkeys(
        (
            "DescribeTaskDefinition",
            "DeregisterTaskDefinition",
            "ListTaskDefinitions",
            "ListTaskDefinitionFamilies",
            "ListClusters",
            "ListServices",
            "ListTasks",
            "ListAccountSettings",
            "PutAccountSetting",
            "PutAccountSettingDefault",
            "DeleteAccountSetting",
        ),
        lambda _: [ANY],
    ),
    "CreateService": lambda members: [_ecs_service(members, members.get("serviceName"))],
    **dict.fromkeys(
        ("UpdateService", "DeleteService"), lambda members: [_ecs_service(members, members.get("service"))]
    ),
    "ListServiceDeployments": lambda members: [_ecs_service(members, members.get("service"))],
    "DescribeServiceDeployments": lambda members: members.get("serviceDeploymentArns", []),
    "DescribeServiceRevisions": lambda members: members.get("serviceRevisionArns", []),
    "DescribeServices": lambda members: [_ecs_service(members, name) for name in members.get("services", [])],
    **dict.fromkeys(("StopTask", "ExecuteCommand"), lambda members: [_ecs_task(members, members.get("task"))]),
    **dict.fromkeys(
        ("DescribeTasks", "GetTaskProtection", "UpdateTaskProtection"),
        lambda members: [_ecs_task(members, name) for name in members.get("tasks", [])],
    ),
    "RegisterTaskDefinition": lambda members: [_ecs_family(members)],
    **dict.fromkeys(("RunTask", "StartTask"), lambda members: [_ecs_task_definition(members.get("taskDefinition"))]),
    "DeleteTaskDefinitions": lambda members: [
        _ecs_task_definition(name) for name in members.get("taskDefinitions", [])
    ],
    **dict.fromkeys(
        ("TagResource", "UntagResource", "ListTagsForResource"), lambda members: [str(members.get("resourceArn", ANY))]
    ),
    "CreateCluster": lambda members: [arn("ecs", f"cluster/{members.get('clusterName', 'default')}")],
    "DescribeClusters": lambda members: [
        arn("ecs", f"cluster/{ecs_cluster(name)}") for name in members.get("clusters", ["default"])
    ],
}


def _ecs(action: str, members: Members) -> Iterable[str]:
    if action in _ECS:
        return _ECS[action](members)
    return [arn("ecs", f"cluster/{ecs_cluster(members.get('cluster'))}")]


def _project(name: Any) -> str:
    name = str(name or "")
    return name if name.startswith("arn:") else arn("codebuild", f"project/{name}")


def _project_of_build(build_id: Any) -> str:
    # arn:...:build/<project>:<uuid>, or <project>:<uuid>
    return _project(str(build_id).rsplit("/", 1)[-1].rsplit(":", 1)[0])


def _codebuild(action: str, members: Members) -> Iterable[str]:
    if action in ("BatchGetBuilds", "BatchDeleteBuilds"):
        return [_project_of_build(build_id) for build_id in members.get("ids", [])]
    if action in ("StopBuild", "RetryBuild"):
        return [_project_of_build(members.get("id"))]
    if action == "BatchGetProjects":
        return [_project(name) for name in members.get("names", [])]
    if "Report" in action or action == "DescribeTestCases":
        return _report_groups(members)
    name = members.get("projectName") or members.get("name")
    return [_project(name)] if name else [ANY]


def _report_groups(members: Members) -> Iterable[str]:
    """Reports are checked on their group: ``report/<group>:<uuid>`` belongs to ``report-group/<group>``."""
    arns = [*members.get("reportArns", []), *members.get("reportGroupArns", [])]
    arns += [members[key] for key in ("reportArn", "reportGroupArn", "arn") if key in members]
    return [re.sub(r":report/(.+):[^:]+$", r":report-group/\1", str(arn)) for arn in arns]


def _codepipeline(action: str, members: Members) -> Iterable[str]:
    if "resourceArn" in members:
        return [str(members["resourceArn"])]
    declared = members.get("pipeline")
    name = (
        (declared.get("name") if isinstance(declared, Mapping) else None)
        or members.get("pipelineName")
        or members.get("name")
    )
    if not name:
        return [ANY]
    parts = [str(name)]
    if action in ("PutApprovalResult", "PutActionRevision"):
        parts += [str(members.get("stageName")), str(members.get("actionName"))]
    elif action in (
        "RetryStageExecution",
        "RollbackStage",
        "DisableStageTransition",
        "EnableStageTransition",
        "OverrideStageCondition",
    ):
        parts.append(str(members.get("stageName")))
    return [arn("codepipeline", "/".join(parts))]


def _connections(action: str, members: Members) -> Iterable[str]:
    del action
    return [str(members.get("ConnectionArn") or members.get("ResourceArn") or ANY)]


def _parameter(name: Any) -> str:
    name = str(name or "")
    # "name:3" and "name:label" select a version; the permission is on the parameter.
    return name if name.startswith("arn:") else arn("ssm", f"parameter/{name.split(':', 1)[0].lstrip('/')}")


def _ssm(action: str, members: Members) -> Iterable[str]:
    if action in ("GetParameters", "DeleteParameters"):
        return [_parameter(name) for name in members.get("Names", [])]
    if action == "GetParametersByPath":
        return [_parameter(str(members.get("Path", "")).rstrip("/"))]
    if members.get("ResourceType") == "Parameter":
        return [_parameter(members.get("ResourceId"))]
    if action == "DescribeParameters" or "Name" not in members:
        return [ANY]
    return [_parameter(members["Name"])]


def _logs(action: str, members: Members) -> Iterable[str]:
    if action in ("TagResource", "UntagResource", "ListTagsForResource"):
        return [str(members.get("resourceArn") or ANY)]
    identifier = members.get("logGroupName") or members.get("logGroupIdentifier")
    if not identifier:
        return [ANY]
    group = str(identifier).split(":log-group:")[-1].removesuffix(":*")
    # AWS checks even group-level actions on "...:log-stream:<stream or nothing>": policies end with ":*" for that.
    return [arn("logs", f"log-group:{group}:log-stream:{members.get('logStreamName', '')}")]


def _ecr(action: str, members: Members) -> Iterable[str]:
    if action in ("TagResource", "UntagResource", "ListTagsForResource"):
        return [str(members.get("resourceArn") or ANY)]
    names = members.get("repositoryNames") if action == "DescribeRepositories" else None
    if names:
        return [arn("ecr", f"repository/{name}") for name in names]
    name = members.get("repositoryName")
    if name:
        registry = members.get("registryId") or scope.account()
        return [f"arn:aws:ecr:{scope.region()}:{registry}:repository/{name}"]
    return [arn("ecr", "repository/*")] if action == "DescribeRepositories" else [ANY]


def _states(action: str, members: Members) -> Iterable[str]:
    if action.startswith("SendTask") or action in ("ListStateMachines", "ListActivities"):
        return [ANY]
    for member in ("stateMachineArn", "executionArn", "activityArn", "resourceArn", "mapRunArn"):
        if members.get(member):
            return [str(members[member])]
    return [arn("states", f"stateMachine:{members['name']}")] if members.get("name") else [ANY]


def _auto_scaling(action: str, members: Members) -> Iterable[str]:
    del members
    return [ANY] if action.startswith("Describe") else [arn("application-autoscaling", "scalable-target/*")]


BY_SERVICE: dict[str, Callable[[str, Members], Iterable[str]]] = {
    "application-autoscaling": _auto_scaling,
    "codebuild": _codebuild,
    "codeconnections": _connections,
    "codepipeline": _codepipeline,
    "codestar-connections": _connections,
    "ecr": _ecr,
    "ecs": _ecs,
    "logs": _logs,
    "ssm": _ssm,
    "states": _states,
}


def scheduler(path: str, query: Mapping[str, Any], body: Members) -> str:
    match = re.match(r"^/schedules/([^/]+)$", path)
    if match:
        group = body.get("GroupName") or (query.get("groupName") or ["default"])[0]
        return arn("scheduler", f"schedule/{group}/{match.group(1)}")
    match = re.match(r"^/schedule-groups/([^/]+)$", path)
    return arn("scheduler", f"schedule-group/{match.group(1)}") if match else ANY

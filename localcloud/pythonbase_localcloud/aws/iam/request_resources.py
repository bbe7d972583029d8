"""Which resource each request is checked on.

MiniStack evaluates policies well, but derives the resource of several services' requests loosely (often ``*``, so a
narrow policy would be refused, or a cluster where AWS checks the service). The tables here follow the Service
Authorization Reference for the services that this application uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.iam.request_conditions import condition_keys

Members = Mapping[str, Any]
_ANY = "*"


class Resources(str):
    """The first resource of a request, as MiniStack expects one, and the others that it must be checked on too.

    `context` has condition keys of the request that MiniStack does not know.
    """

    others: tuple[str, ...] = ()
    context: Mapping[str, Any] = {}

    @classmethod
    def of(cls, arns: Iterable[str]) -> Resources:
        """Several resources; ``*`` when there are none."""
        found = list(dict.fromkeys(arns)) or [_ANY]
        first = cls(found[0])
        first.others = tuple(found[1:])
        return first


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{scope.region()}:{scope.account()}:{resource}"


def _ecs_cluster(value: Any) -> str:
    return str(value or "default").rsplit("/", 1)[-1]


def _ecs_service(members: Members, name: Any) -> str:
    name = str(name or "")
    if name.startswith("arn:"):
        return str(name)
    return _arn("ecs", f"service/{_ecs_cluster(members.get('cluster'))}/{name}")


def _ecs_task(members: Members, name: Any) -> str:
    name = str(name or "")
    return name if name.startswith("arn:") else _arn("ecs", f"task/{_ecs_cluster(members.get('cluster'))}/{name}")


def _ecs_task_definition(name: Any) -> str:
    name = str(name or "")
    if name.startswith("arn:"):
        return str(name)
    if ":" not in name:
        name += f":{seams.ecs._task_def_latest.get(name, _ANY)}"
    return _arn("ecs", f"task-definition/{name}")


def _ecs_family(members: Members) -> str:
    # The revision does not exist yet; AWS checks the family with the revision it is about to have.
    family = str(members.get("family", ""))
    return _arn("ecs", f"task-definition/{family}:{seams.ecs._task_def_latest.get(family, 0) + 1}")


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
        lambda _: [_ANY],
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
        ("TagResource", "UntagResource", "ListTagsForResource"), lambda members: [str(members.get("resourceArn", _ANY))]
    ),
    "CreateCluster": lambda members: [_arn("ecs", f"cluster/{members.get('clusterName', 'default')}")],
    "DescribeClusters": lambda members: [
        _arn("ecs", f"cluster/{_ecs_cluster(name)}") for name in members.get("clusters", ["default"])
    ],
}


def _ecs(action: str, members: Members) -> Iterable[str]:
    if action in _ECS:
        return _ECS[action](members)
    return [_arn("ecs", f"cluster/{_ecs_cluster(members.get('cluster'))}")]


def _project(name: Any) -> str:
    name = str(name or "")
    return name if name.startswith("arn:") else _arn("codebuild", f"project/{name}")


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
    return [_project(name)] if name else [_ANY]


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
        return [_ANY]
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
    return [_arn("codepipeline", "/".join(parts))]


def _connections(action: str, members: Members) -> Iterable[str]:
    del action
    return [str(members.get("ConnectionArn") or members.get("ResourceArn") or _ANY)]


def _parameter(name: Any) -> str:
    name = str(name or "")
    # "name:3" and "name:label" select a version; the permission is on the parameter.
    return name if name.startswith("arn:") else _arn("ssm", f"parameter/{name.split(':', 1)[0].lstrip('/')}")


def _ssm(action: str, members: Members) -> Iterable[str]:
    if action in ("GetParameters", "DeleteParameters"):
        return [_parameter(name) for name in members.get("Names", [])]
    if action == "GetParametersByPath":
        return [_parameter(str(members.get("Path", "")).rstrip("/"))]
    if members.get("ResourceType") == "Parameter":
        return [_parameter(members.get("ResourceId"))]
    if action == "DescribeParameters" or "Name" not in members:
        return [_ANY]
    return [_parameter(members["Name"])]


def _logs(action: str, members: Members) -> Iterable[str]:
    if action in ("TagResource", "UntagResource", "ListTagsForResource"):
        return [str(members.get("resourceArn") or _ANY)]
    identifier = members.get("logGroupName") or members.get("logGroupIdentifier")
    if not identifier:
        return [_ANY]
    group = str(identifier).split(":log-group:")[-1].removesuffix(":*")
    # AWS checks even group-level actions on "...:log-stream:<stream or nothing>": policies end with ":*" for that.
    return [_arn("logs", f"log-group:{group}:log-stream:{members.get('logStreamName', '')}")]


def _ecr(action: str, members: Members) -> Iterable[str]:
    if action in ("TagResource", "UntagResource", "ListTagsForResource"):
        return [str(members.get("resourceArn") or _ANY)]
    names = members.get("repositoryNames") if action == "DescribeRepositories" else None
    if names:
        return [_arn("ecr", f"repository/{name}") for name in names]
    name = members.get("repositoryName")
    if name:
        registry = members.get("registryId") or scope.account()
        return [f"arn:aws:ecr:{scope.region()}:{registry}:repository/{name}"]
    return [_arn("ecr", "repository/*")] if action == "DescribeRepositories" else [_ANY]


def _states(action: str, members: Members) -> Iterable[str]:
    if action.startswith("SendTask") or action in ("ListStateMachines", "ListActivities"):
        return [_ANY]
    for member in ("stateMachineArn", "executionArn", "activityArn", "resourceArn", "mapRunArn"):
        if members.get(member):
            return [str(members[member])]
    return [_arn("states", f"stateMachine:{members['name']}")] if members.get("name") else [_ANY]


def _auto_scaling(action: str, members: Members) -> Iterable[str]:
    del members
    return [_ANY] if action.startswith("Describe") else [_arn("application-autoscaling", "scalable-target/*")]


_BY_SERVICE: dict[str, Callable[[str, Members], Iterable[str]]] = {
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


def _scheduler(path: str, query: Mapping[str, Any], body: Members) -> str:
    match = re.match(r"^/schedules/([^/]+)$", path)
    if match:
        group = body.get("GroupName") or (query.get("groupName") or ["default"])[0]
        return _arn("scheduler", f"schedule/{group}/{match.group(1)}")
    match = re.match(r"^/schedule-groups/([^/]+)$", path)
    return _arn("scheduler", f"schedule-group/{match.group(1)}") if match else _ANY


def members_of(body: bytes) -> Members:
    """Members of a JSON request; empty when it is none."""
    try:
        members = json.loads(body or b"{}")
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return members if isinstance(members, dict) else {}


def _in_cluster(service: str, members: Members) -> Mapping[str, str]:
    if service != "ecs" or "cluster" not in members:
        return {}
    return {"ecs:cluster": _arn("ecs", f"cluster/{_ecs_cluster(members['cluster'])}")}


def _in_namespace(resource: str, members: Members, body: bytes) -> Resources:
    """A request to CloudWatch: PutMetricData is narrowed by the metric's namespace (JSON and query protocol)."""
    found = Resources(resource)
    form = parse_qs(body.decode("utf-8", errors="replace")) if not members else {}
    namespace = members.get("Namespace") or (form.get("Namespace") or [""])[0]
    found.context = {"cloudwatch:namespace": str(namespace)} if namespace else {}
    return found


def install() -> None:
    """Replace MiniStack's derivation for the services above, and check every resource that a request names."""
    derive = seams.iam_actions.extract_resource_arn
    enforce = seams.iam_evaluator.enforce

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Any,
        region: str,
        account_id: str,
    ) -> str:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if service in _BY_SERVICE and action:
            members = members_of(body)
            found = Resources.of(_BY_SERVICE[service](action, members))
            found.context = {**condition_keys(service, str(found), members), **_in_cluster(service, members)}
            return found
        if service == "scheduler":
            return _scheduler(path, query, members_of(body))
        resource = str(derive(service, method, path, headers, body, query, region, account_id))
        if service == "dynamodb":
            table = Resources(resource)
            table.context = condition_keys(service, resource, members_of(body))
            return table
        if service == "monitoring":
            return _in_namespace(resource, members_of(body), body)
        if service == "elasticloadbalancing":
            requested = query.get("Action") or [""]
            requested = requested[0] if isinstance(requested, list) else requested
            # The Describe actions have no resource-level permissions on AWS: a narrow policy does not allow them.
            return _ANY if str(requested).startswith("Describe") else resource
        return resource

    def enforce_all(
        access_key_id: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = _ANY,
        service_context: Any = None,
    ) -> Any:
        more = getattr(resource_arn, "context", {})
        service_context = {**(service_context or {}), **more} if more else service_context
        for resource in (resource_arn, *getattr(resource_arn, "others", ())):
            denied = enforce(
                access_key_id, action, service, region, resource_arn=str(resource), service_context=service_context
            )
            if denied:
                return denied
        return None

    seams.iam_actions.extract_resource_arn = extract_resource_arn
    seams.iam_evaluator.enforce = enforce_all

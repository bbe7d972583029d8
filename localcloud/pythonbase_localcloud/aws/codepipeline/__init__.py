"""CodePipeline: the API, the resource type, and what starts executions."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams, store
from pythonbase_localcloud.aws.cloudformation.types import Properties, Resource
from pythonbase_localcloud.aws.cloudformation.types import register as register_type
from pythonbase_localcloud.aws.json_service import ApiError, Request
from pythonbase_localcloud.aws.json_service import register as register_service
from pythonbase_localcloud.aws.settings import Settings

from . import executions, model, stage_failure
from .actions import functions
from .engine import Engine

_engine: list[Engine] = []


def start(
    name: str,
    *,
    trigger: Mapping[str, Any],
    variables: Mapping[str, str] | None = None,
    revisions: Mapping[str, Any] | None = None,
) -> str:
    """Start an execution; return its id."""
    declaration = executions.pipeline(name)["pipeline"]
    declared = {variable["name"]: variable.get("defaultValue") for variable in declaration["variables"]}
    values = {**declared, **(variables or {})}
    unknown = sorted(set(values) - set(declared))
    missing = sorted(key for key, value in values.items() if value is None)
    if unknown or missing:
        raise ApiError(
            "ValidationException",
            "; ".join(
                [f"variable {key} is not declared in the pipeline" for key in unknown]
                + [f"variable {key} has no value and no default" for key in missing]
            ),
        )
    record = executions.new_execution(
        declaration,
        trigger=trigger,
        revisions=revisions or {},
        variables={key: str(value) for key, value in values.items()},
    )
    _engine[0].start(record)
    return str(record["pipelineExecutionId"])


# ---------------------------------------------------------------- pipelines


def _create(declaration: model.Declaration, tags: list[dict[str, str]], creator: str) -> dict[str, Any]:
    name = declaration["name"]
    if name in executions.pipelines:
        raise ApiError(
            "PipelineNameInUseException",
            f"A pipeline with the name '{name}' already exists in account '{scope.account()}'",
        )
    now = time.time()
    declaration["version"] = 1
    executions.pipelines[name] = {"pipeline": declaration, "created": now, "updated": now, "tags": tags}
    # As on AWS, a new pipeline runs once.
    start(name, trigger={"triggerType": "CreatePipeline", "triggerDetail": creator})
    return declaration


def _update(declaration: model.Declaration) -> dict[str, Any]:
    record = executions.pipeline(declaration["name"])
    declaration["version"] = int(record["pipeline"]["version"]) + 1
    record.update(pipeline=declaration, updated=time.time())
    return declaration


def _create_pipeline(members: Request) -> dict[str, Any]:
    declaration = model.normalize(members["pipeline"])
    return {
        "pipeline": _create(declaration, list(members.get("tags") or []), executions.caller()),
        "tags": members.get("tags") or [],
    }


def _get_pipeline(members: Request) -> dict[str, Any]:
    record = executions.pipeline(members.get("name"))
    return {
        "pipeline": record["pipeline"],
        "metadata": {
            "pipelineArn": executions.pipeline_arn(record["pipeline"]["name"]),
            "created": record["created"],
            "updated": record["updated"],
        },
    }


def _list_pipelines(_: Request) -> dict[str, Any]:
    return {
        "pipelines": [
            {
                "name": name,
                "version": record["pipeline"]["version"],
                "pipelineType": record["pipeline"]["pipelineType"],
                "executionMode": record["pipeline"]["executionMode"],
                "created": record["created"],
                "updated": record["updated"],
            }
            for name, record in executions.pipelines.items()
        ]
    }


def _delete_pipeline(members: Request) -> dict[str, Any]:
    _remove(str(members.get("name")))
    return {}


def _remove(name: str) -> None:
    executions.pipelines.pop(name, None)
    for record in executions.of_pipeline(name):
        if record["status"] in executions.OPEN:
            _engine[0].stop(record, abandon=True)
        executions.executions.pop(record["pipelineExecutionId"], None)


# ---------------------------------------------------------------- executions


def _start_execution(members: Request) -> dict[str, Any]:
    variables = {variable["name"]: variable["value"] for variable in members.get("variables") or []}
    revisions = {
        item["actionName"]: {"CommitId": item["revisionValue"]}
        for item in members.get("sourceRevisions") or []
        if item.get("revisionType") == "COMMIT_ID"
    }
    return {
        "pipelineExecutionId": start(
            str(members.get("name")),
            variables=variables,
            revisions=revisions,
            trigger={"triggerType": "StartPipelineExecution", "triggerDetail": executions.caller()},
        )
    }


def _stop_execution(members: Request) -> dict[str, Any]:
    record = executions.execution(members.get("pipelineName"), members.get("pipelineExecutionId"))
    if record["status"] != "InProgress":
        raise ApiError(
            "PipelineExecutionNotStoppableException",
            f"the execution {record['pipelineExecutionId']} is {record['status']}",
        )
    _engine[0].stop(record, abandon=bool(members.get("abandon")))
    return {"pipelineExecutionId": record["pipelineExecutionId"]}


def _retry_stage(members: Request) -> dict[str, Any]:
    record = executions.execution(members.get("pipelineName"), members.get("pipelineExecutionId"))
    stage = model.stage_of(record["_declaration"], str(members.get("stageName")))
    state = record["_stages"].get(stage["name"])
    if record["status"] not in ("Failed", "Stopped") or not state or state["status"] not in ("Failed", "Stopped"):
        raise ApiError("StageNotRetryableException", f"the stage {stage['name']} did not fail in this execution")
    entered = record["_entered"].get(stage["name"], 0)
    later = (run["_entered"].get(stage["name"], 0) for run in executions.of_pipeline(record["pipelineName"]))
    if record["executionMode"] != "PARALLEL" and any(other > entered for other in later):
        raise ApiError(
            "NotLatestPipelineExecutionException",
            f"The stage {stage['name']} has failed in a later run of the pipeline",
        )
    if record["pipelineVersion"] != executions.pipeline(record["pipelineName"])["pipeline"]["version"]:
        raise ApiError(
            "StageNotRetryableException",
            f"The stage named {stage['name']} in the pipeline {record['pipelineName']} can't be retried now: the "
            "pipeline definition has changed since the action(s) failed",
        )
    keep = (
        executions.succeeded_actions(record, stage["name"])
        if members.get("retryMode") != "ALL_ACTIONS"
        else frozenset()
    )
    record.update(status="InProgress", statusSummary="")
    names = [item["name"] for item in record["_declaration"]["stages"]]
    _engine[0].start(record, first_stage=names.index(stage["name"]), keep=keep)
    return {"pipelineExecutionId": record["pipelineExecutionId"]}


def _rollback_stage(members: Request) -> dict[str, Any]:
    name = executions.pipeline(members.get("pipelineName"))["pipeline"]["name"]
    stage = model.stage_of(executions.pipeline(name)["pipeline"], str(members.get("stageName")))["name"]
    record = stage_failure.requested(
        name, stage, str(members.get("targetPipelineExecutionId")), caller=executions.caller()
    )
    _engine[0].start(record)
    return {"pipelineExecutionId": record["pipelineExecutionId"]}


def _latest_actions(record: Mapping[str, Any], stage: str) -> dict[str, Mapping[str, Any]]:
    return {detail["actionName"]: detail for detail in record["_actions"] if detail["stageName"] == stage}


def _page(items: list[Any], members: Request, member: str) -> dict[str, Any]:
    start_index, size = int(members.get("nextToken") or 0), int(members.get("maxResults") or 100)
    more = {"nextToken": str(start_index + size)} if start_index + size < len(items) else {}
    return {member: items[start_index : start_index + size], **more}


def _list_executions(members: Request) -> dict[str, Any]:
    name = executions.pipeline(members.get("pipelineName"))["pipeline"]["name"]
    return _page(
        [executions.summary(record) for record in executions.of_pipeline(name)], members, "pipelineExecutionSummaries"
    )


def _get_execution(members: Request) -> dict[str, Any]:
    executions.pipeline(members.get("pipelineName"))
    record = executions.execution(members.get("pipelineName"), members.get("pipelineExecutionId"))
    return {"pipelineExecution": executions.public(record)}


def _list_action_executions(members: Request) -> dict[str, Any]:
    name = executions.pipeline(members.get("pipelineName"))["pipeline"]["name"]
    wanted = (members.get("filter") or {}).get("pipelineExecutionId")
    details = [
        detail
        for record in executions.of_pipeline(name)
        for detail in reversed(record["_actions"])
        if not wanted or record["pipelineExecutionId"] == wanted
    ]
    return _page(details, members, "actionExecutionDetails")


def _get_state(members: Request) -> dict[str, Any]:
    record = executions.pipeline(members.get("name"))
    declaration = record["pipeline"]
    runs = executions.of_pipeline(declaration["name"])
    return {
        "pipelineName": declaration["name"],
        "pipelineVersion": declaration["version"],
        "created": record["created"],
        "updated": record["updated"],
        "stageStates": [_stage_state(stage, runs) for stage in declaration["stages"]],
    }


def _stage_state(stage: Mapping[str, Any], runs: list[executions.Record]) -> dict[str, Any]:
    name = stage["name"]
    # What entered the stage last, which need not be what was started last: a rollback goes before who waits.
    runs = sorted(runs, key=lambda record: float(record["_entered"].get(name, 0)), reverse=True)
    latest = next((record for record in runs if name in record["_stages"]), None)
    waiting = [record for record in runs if record["_waiting"] == name and record["status"] == "InProgress"]
    inbound = [
        {"pipelineExecutionId": record["pipelineExecutionId"], "status": "InProgress", "type": record["executionType"]}
        for record in waiting
    ]
    return {
        "stageName": name,
        "inboundTransitionState": {"enabled": True},
        "actionStates": [_action_state(name, action, runs) for action in stage["actions"]],
        **({"latestExecution": {**latest["_stages"][name], "type": latest["executionType"]}} if latest else {}),
        **({"inboundExecution": inbound[0], "inboundExecutions": inbound} if inbound else {}),
    }


def _action_state(stage: str, action: Mapping[str, Any], runs: list[executions.Record]) -> dict[str, Any]:
    for record in runs:
        detail = _latest_actions(record, stage).get(action["name"])
        if detail is None:
            continue
        result = detail["output"]["executionResult"]
        context = _engine[0].running_actions.get(detail["actionExecutionId"])
        state: dict[str, Any] = {
            "actionName": action["name"],
            "latestExecution": {
                "actionExecutionId": detail["actionExecutionId"],
                "status": detail["status"],
                "lastStatusChange": detail["lastUpdateTime"],
                **({"summary": result["externalExecutionSummary"]} if result.get("externalExecutionSummary") else {}),
                **{
                    key: result[key]
                    for key in ("externalExecutionId", "externalExecutionUrl", "errorDetails")
                    if result.get(key)
                },
                **({"token": context.token} if context and context.token else {}),
            },
        }
        revision = next(
            (
                item
                for item in record["artifactRevisions"]
                if item["name"] in {artifact["name"] for artifact in action["outputArtifacts"]}
            ),
            None,
        )
        if revision:
            state["currentRevision"] = {"revisionId": revision["revisionId"]}
            state["revisionUrl"] = revision["revisionUrl"]
        return state
    return {"actionName": action["name"]}


def _put_approval(members: Request) -> dict[str, Any]:
    executions.pipeline(members.get("pipelineName"))
    waiting = [
        context
        for context in _engine[0].running_actions.values()
        if context.pipeline == members.get("pipelineName")
        and context.stage == members.get("stageName")
        and context.action["name"] == members.get("actionName")
        and context.approval
        and context.token
    ]
    if not waiting:
        raise ApiError("ApprovalAlreadyCompletedException", f"no approval waits in action {members.get('actionName')}")
    context = next((context for context in waiting if context.token == members.get("token")), None)
    if context is None:
        raise ApiError("InvalidApprovalTokenException", "the approval token is not that of the waiting approval")
    approval, result = context.approval, members["result"]
    approval.approved = result["status"] == "Approved"
    approval.summary, approval.by = str(result.get("summary") or ""), executions.caller()
    approval.decided.set()
    return {"approvedAt": time.time()}


# ---------------------------------------------------------------- tags


def _tagged(members: Request) -> dict[str, Any]:
    return executions.pipeline(str(members.get("resourceArn", "")).rsplit(":", 1)[-1])


def _tag(members: Request) -> dict[str, Any]:
    record = _tagged(members)
    added = {tag["key"] for tag in members["tags"]}
    record["tags"] = [tag for tag in record["tags"] if tag["key"] not in added] + list(members["tags"])
    return {}


def _untag(members: Request) -> dict[str, Any]:
    record = _tagged(members)
    record["tags"] = [tag for tag in record["tags"] if tag["key"] not in members["tagKeys"]]
    return {}


# ---------------------------------------------------------------- resource type


def _template_tags(properties: Properties) -> list[dict[str, str]]:
    return [{"key": str(tag["Key"]), "value": str(tag["Value"])} for tag in properties.get("Tags") or []]


def _create_resource(logical_id: str, properties: Properties, stack: str) -> Resource:
    name = properties.get("Name") or seams.provisioners._physical_name(stack, logical_id, max_len=100)
    declaration = _create(
        model.from_template(properties, name=name),
        _template_tags(properties),
        f"arn:aws:cloudformation:{scope.region()}:{scope.account()}:stack/{stack}",
    )
    return Resource(name, {"Version": str(declaration["version"])})


def _update_resource(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    name = new.get("Name") or seams.provisioners._physical_name(stack, logical_id, max_len=100)
    if name != physical_id:
        return _create_resource(logical_id, new, stack)
    record = executions.pipeline(name)
    record["tags"] = _template_tags(new)
    if {**old, "Tags": None} != {**new, "Tags": None}:
        _update(model.from_template(new, name=name))
        if str(new.get("RestartExecutionOnUpdate", "false")).lower() == "true":
            start(name, trigger={"triggerType": "StartPipelineExecution", "triggerDetail": stack})
    return Resource(name, {"Version": str(record["pipeline"]["version"])})


def install(settings: Settings) -> None:
    """Register the service and the type."""
    _engine.append(Engine(settings))
    store.after_load(executions.end_interrupted)
    register_service(
        "codepipeline",
        target_prefix="CodePipeline_20150709",
        operations={
            "CreatePipeline": _create_pipeline,
            "GetPipeline": _get_pipeline,
            "UpdatePipeline": lambda members: {"pipeline": _update(model.normalize(members["pipeline"]))},
            "ListPipelines": _list_pipelines,
            "DeletePipeline": _delete_pipeline,
            "StartPipelineExecution": _start_execution,
            "StopPipelineExecution": _stop_execution,
            "RetryStageExecution": _retry_stage,
            "RollbackStage": _rollback_stage,
            "GetPipelineExecution": _get_execution,
            "ListPipelineExecutions": _list_executions,
            "ListActionExecutions": _list_action_executions,
            "GetPipelineState": _get_state,
            "PutApprovalResult": _put_approval,
            "PutJobSuccessResult": functions.put_success,
            "PutJobFailureResult": functions.put_failure,
            "ListTagsForResource": lambda members: {"tags": _tagged(members)["tags"]},
            "TagResource": _tag,
            "UntagResource": _untag,
        },
    )
    register_type(
        "AWS::CodePipeline::Pipeline",
        create=_create_resource,
        update=_update_resource,
        delete=lambda physical_id, _: _remove(physical_id),
    )


def resume() -> None:
    """What follows what a server before this one did not finish; call it when requests are answered."""
    _engine[0].roll_back_interrupted()


def webhook_trigger(*, connection: str, repository: str, commit: str, action: str, **origin: str) -> dict[str, str]:
    """The trigger of an execution that a repository started; `origin` is the branch, tag or pull request."""
    return {
        "triggerType": "WebhookV2",
        "triggerDetail": json.dumps(
            {
                "connectionArn": connection,
                "fullRepositoryName": repository,
                "commitId": commit,
                "sourceActionName": action,
                "providerType": "Bitbucket",
                **origin,
            }
        ),
    }

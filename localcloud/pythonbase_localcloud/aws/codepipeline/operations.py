"""Operations of the API on executions: start, stop, retry, roll back, approve, list."""

from __future__ import annotations

import time
from typing import Any

from pythonbase_localcloud.aws.json_service import ApiError, Request

from . import executions, model, stage_failure, starting


def start_execution(members: Request) -> dict[str, Any]:
    variables = {variable["name"]: variable["value"] for variable in members.get("variables") or []}
    revisions = {
        item["actionName"]: {"CommitId": item["revisionValue"]}
        for item in members.get("sourceRevisions") or []
        if item.get("revisionType") == "COMMIT_ID"
    }
    return {
        "pipelineExecutionId": starting.start(
            str(members.get("name")),
            variables=variables,
            revisions=revisions,
            trigger={"triggerType": "StartPipelineExecution", "triggerDetail": executions.caller()},
        )
    }


def stop_execution(members: Request) -> dict[str, Any]:
    record = executions.execution(members.get("pipelineName"), members.get("pipelineExecutionId"))
    if record["status"] != "InProgress":
        raise ApiError(
            "PipelineExecutionNotStoppableException",
            f"the execution {record['pipelineExecutionId']} is {record['status']}",
        )
    starting.engine().stop(record, abandon=bool(members.get("abandon")))
    return {"pipelineExecutionId": record["pipelineExecutionId"]}


def retry_stage(members: Request) -> dict[str, Any]:
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
    starting.engine().start(record, first_stage=names.index(stage["name"]), keep=keep)
    return {"pipelineExecutionId": record["pipelineExecutionId"]}


def rollback_stage(members: Request) -> dict[str, Any]:
    name = executions.pipeline(members.get("pipelineName"))["pipeline"]["name"]
    stage = model.stage_of(executions.pipeline(name)["pipeline"], str(members.get("stageName")))["name"]
    record = stage_failure.requested(
        name, stage, str(members.get("targetPipelineExecutionId")), caller=executions.caller()
    )
    starting.engine().start(record)
    return {"pipelineExecutionId": record["pipelineExecutionId"]}


def _page(items: list[Any], members: Request, member: str) -> dict[str, Any]:
    start_index, size = int(members.get("nextToken") or 0), int(members.get("maxResults") or 100)
    more = {"nextToken": str(start_index + size)} if start_index + size < len(items) else {}
    return {member: items[start_index : start_index + size], **more}


def list_executions(members: Request) -> dict[str, Any]:
    name = executions.pipeline(members.get("pipelineName"))["pipeline"]["name"]
    return _page(
        [executions.summary(record) for record in executions.of_pipeline(name)], members, "pipelineExecutionSummaries"
    )


def get_execution(members: Request) -> dict[str, Any]:
    executions.pipeline(members.get("pipelineName"))
    record = executions.execution(members.get("pipelineName"), members.get("pipelineExecutionId"))
    return {"pipelineExecution": executions.public(record)}


def list_action_executions(members: Request) -> dict[str, Any]:
    name = executions.pipeline(members.get("pipelineName"))["pipeline"]["name"]
    wanted = (members.get("filter") or {}).get("pipelineExecutionId")
    details = [
        detail
        for record in executions.of_pipeline(name)
        for detail in reversed(record["_actions"])
        if not wanted or record["pipelineExecutionId"] == wanted
    ]
    return _page(details, members, "actionExecutionDetails")


def put_approval(members: Request) -> dict[str, Any]:
    executions.pipeline(members.get("pipelineName"))
    waiting = [
        context
        for context in starting.engine().running_actions.values()
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

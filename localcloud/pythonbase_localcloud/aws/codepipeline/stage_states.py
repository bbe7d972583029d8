"""GetPipelineState: what each stage and action of a pipeline did last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws.json_service import Request

from . import executions, starting


def _latest_actions(record: Mapping[str, Any], stage: str) -> dict[str, Mapping[str, Any]]:
    return {detail["actionName"]: detail for detail in record["_actions"] if detail["stageName"] == stage}


def get_state(members: Request) -> dict[str, Any]:
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
        context = starting.engine().running_actions.get(detail["actionExecutionId"])
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

"""Events of pipelines, stages and actions."""

from __future__ import annotations

import time

from pythonbase_localcloud.aws import state
from pythonbase_localcloud.aws.eventbridge import events

from . import executions

Record = executions.Record


def emit(record: Record, kind: str, status: str, **members: str) -> None:
    """A pipeline or a stage is in another state, which is saved soon."""
    state.changed(soon=True)
    events.emit(
        "aws.codepipeline",
        f"CodePipeline {kind} Execution State Change",
        {
            "pipeline": record["pipelineName"],
            "execution-id": record["pipelineExecutionId"],
            "version": float(record["pipelineVersion"]),
            "start-time": _iso(record["startTime"]),
            "state": status,
            **(
                {
                    "execution-trigger": {
                        "trigger-type": record["trigger"]["triggerType"],
                        "trigger-detail": record["trigger"].get("triggerDetail", ""),
                    }
                }
                if kind == "Pipeline"
                else {}
            ),
            **members,
        },
        resources=[executions.pipeline_arn(record["pipelineName"])],
    )


def emit_action(record: Record, detail: Record, state: str) -> None:
    """An action is in another state."""
    result = detail["output"]["executionResult"]
    error = result.get("errorDetails") or {}
    kind = detail["input"]["actionTypeId"]
    events.emit(
        "aws.codepipeline",
        "CodePipeline Action Execution State Change",
        {
            "pipeline": record["pipelineName"],
            "execution-id": record["pipelineExecutionId"],
            "version": float(record["pipelineVersion"]),
            "stage": detail["stageName"],
            "action": detail["actionName"],
            "action-execution-id": detail["actionExecutionId"],
            "state": state,
            "region": detail["input"]["region"],
            "start-time": _iso(detail["startTime"]),
            "type": {key: kind[key] for key in ("owner", "provider", "category", "version") if key in kind},
            "execution-result": {
                "external-execution-id": result.get("externalExecutionId", ""),
                "external-execution-summary": result.get("externalExecutionSummary", ""),
                "external-execution-url": result.get("externalExecutionUrl", ""),
                **({"error-code": error["code"]} if error else {}),
            },
        },
        resources=[executions.pipeline_arn(record["pipelineName"])],
    )


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

"""Waits for releases and tells how they ended, through the same API that AWS has."""

from __future__ import annotations

import time
from typing import Any

from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.progress import Report

_TIMEOUT_SECONDS = 900
_RUNNING = {"InProgress", "Stopping"}


def release(codepipeline: Any, *, name: str, commit: str, report: Report) -> None:
    """Wait until the pipeline has released a commit; start it if no execution is about the commit.

    Approvals that it waits for are given, as a person would.

    Raises:
        LocalCloudError: if the execution fails, with the reason of the action that failed.
    """
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    grace = time.monotonic() + 10  # a push takes a moment to arrive
    while time.monotonic() < deadline:
        execution = _execution_of(codepipeline, name, commit)
        if execution is None:
            if time.monotonic() > grace:
                codepipeline.start_pipeline_execution(name=name)
                grace = deadline
        elif execution["status"] == "Succeeded":
            return
        elif execution["status"] in _RUNNING:
            _approve(codepipeline, name, execution["pipelineExecutionId"], report)
        else:
            reason = _failure(codepipeline, name, execution["pipelineExecutionId"])
            raise LocalCloudError(f"pipeline {name}: {execution['status']}: {reason}")
        time.sleep(0.5)
    raise LocalCloudError(f"pipeline {name} did not release commit {commit[:12]} within {_TIMEOUT_SECONDS} s")


def _approve(codepipeline: Any, name: str, execution_id: str, report: Report) -> None:
    for stage in codepipeline.get_pipeline_state(name=name)["stageStates"]:
        latest = stage.get("latestExecution", {})
        for action in stage["actionStates"]:
            waiting = action.get("latestExecution", {})
            if waiting.get("token") and latest.get("pipelineExecutionId") == execution_id:
                report(f"approving {name}: {stage['stageName']}")
                codepipeline.put_approval_result(
                    pipelineName=name,
                    stageName=stage["stageName"],
                    actionName=action["actionName"],
                    token=waiting["token"],
                    result={"status": "Approved", "summary": "by the demo"},
                )


def status(codepipeline: Any, *, name: str) -> str:
    """Status of the pipeline's newest execution, as AWS calls it."""
    executions = codepipeline.list_pipeline_executions(pipelineName=name, maxResults=1)["pipelineExecutionSummaries"]
    return str(executions[0]["status"]) if executions else "NotStarted"


def _execution_of(codepipeline: Any, name: str, commit: str) -> dict[str, Any] | None:
    """The newest execution about a commit."""
    summaries: list[dict[str, Any]] = codepipeline.list_pipeline_executions(pipelineName=name)[
        "pipelineExecutionSummaries"
    ]
    for summary in summaries:
        revisions = {revision.get("revisionId") for revision in summary.get("sourceRevisions", [])}
        # An execution knows its commit only after its Source stage.
        if commit in revisions or (not revisions and summary["status"] in _RUNNING):
            return summary
    return None


def _failure(codepipeline: Any, name: str, execution_id: str) -> str:
    details = codepipeline.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution_id})[
        "actionExecutionDetails"
    ]
    for action in details:
        if action["status"] == "Failed":
            result = action.get("output", {}).get("executionResult", {})
            error = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary", "")
            return f"{action['stageName']}/{action['actionName']}: {error}"
    return "no action names a reason"

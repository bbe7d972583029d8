"""Whether pipelines exist, and why their stages failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from pythonbase_operations.doctor import connection as connections
from pythonbase_operations.doctor import stacks
from pythonbase_operations.doctor.aws import Aws, code_of, side_by_side
from pythonbase_operations.doctor.connection import AVAILABLE, Connection
from pythonbase_operations.doctor.declared import Platform, Service
from pythonbase_operations.doctor.finding import Finding
from pythonbase_operations.printing import one_line


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read the state of every service's pipeline. Another check reports services that are not deployed."""

    def one(service: Service) -> list[Finding]:
        state = _state(aws, service.name)
        if state is None:
            return [_missing(service)] if stacks.stack(aws, service.stack) else []
        return judge(state, connections.find(aws, platform))

    return [finding for found in side_by_side(one, list(platform.services)) for finding in found]


def _state(aws: Aws, name: str) -> Mapping[str, Any] | None:
    try:
        state: Mapping[str, Any] = aws.client("codepipeline").get_pipeline_state(name=name)
    except ClientError as error:
        if code_of(error) == "PipelineNotFoundException":
            return None
        raise
    return state


def _missing(service: Service) -> Finding:
    what = f"it does not exist, although the stack {service.stack} does"
    return Finding(place=f"pipeline {service.name}", what=what, fix=f"cdk deploy {service.stack} --revert-drift")


def judge(state: Mapping[str, Any], connection: Connection | None) -> list[Finding]:
    """The failed stages of a pipeline.

    Args:
        state: What GetPipelineState returns.
        connection: The connection of its source.
    """
    findings = []
    for index, stage in enumerate(state["stageStates"]):
        latest = stage.get("latestExecution") or {}
        if latest.get("status") != "Failed":
            continue
        waits = index == 0 and (connection is None or connection.status != AVAILABLE)
        findings.append(_waiting(state, stage) if waits else _failed(state, stage))
    return findings


def _waiting(state: Mapping[str, Any], stage: Mapping[str, Any]) -> Finding:
    return Finding(
        place=f"pipeline {state['pipelineName']}",
        what=f"stage {stage['stageName']} failed because the connection is not available",
        fix="finish the connection; the stage is then retried automatically",
    )


def _failed(state: Mapping[str, Any], stage: Mapping[str, Any]) -> Finding:
    name, execution = state["pipelineName"], stage["latestExecution"]["pipelineExecutionId"]
    action, why = _reason(stage)
    return Finding(
        place=f"pipeline {name}",
        what=one_line(f"stage {stage['stageName']} failed{action}: {why}"),
        fix=f"push a fix, or retry: aws codepipeline retry-stage-execution --pipeline-name {name} --stage-name "
        f"{stage['stageName']} --pipeline-execution-id {execution} --retry-mode FAILED_ACTIONS",
    )


def _reason(stage: Mapping[str, Any]) -> tuple[str, str]:
    """The failed action and its message."""
    for action in stage["actionStates"]:
        latest = action.get("latestExecution") or {}
        if latest.get("status") == "Failed":
            error = latest.get("errorDetails") or {}
            return f" in {action['actionName']}", error.get("message") or latest.get("summary") or "no reason given"
    return "", "no action names a reason"

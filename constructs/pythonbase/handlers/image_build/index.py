"""Custom resource: runs a CodeBuild build during a deployment and reports its result.

Handlers for the CDK provider framework. Only boto3, which the Lambda runtime has.
"""

from __future__ import annotations

import time
from typing import Any

import boto3

_LOG_LINES = 5000  # CodeBuild ends the log with the whole command that failed
_NAMED_LINES = 3
_LINE_LENGTH = 300


class BuildFailedError(Exception):
    """The build ended without success; the message is what the deployment shows."""


def on_event(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - the signature is Lambda's
    """Start a build on create and update. A deletion changes nothing: images are kept."""
    project = event["ResourceProperties"]["ProjectName"]
    if event["RequestType"] == "Delete":
        return {"PhysicalResourceId": event["PhysicalResourceId"]}
    # The token makes a second delivery of the same request meet the same build.
    build = boto3.client("codebuild").start_build(projectName=project, idempotencyToken=event["RequestId"])["build"]
    return {"PhysicalResourceId": project, "Data": {"BuildId": build["id"]}}


def is_complete(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - the signature is Lambda's
    """Whether the build has ended.

    Raises:
        BuildFailedError: if it ended without success, or takes too long.
    """
    if event["RequestType"] == "Delete":
        return {"IsComplete": True}
    build = boto3.client("codebuild").batch_get_builds(ids=[event["Data"]["BuildId"]])["builds"][0]
    if build["buildStatus"] == "IN_PROGRESS":
        _check_time(build, int(event["ResourceProperties"]["TimeoutSeconds"]))
        return {"IsComplete": False}
    if build["buildStatus"] != "SUCCEEDED":
        raise BuildFailedError(_reason(build))
    return {"IsComplete": True}


def _check_time(build: dict[str, Any], limit: int) -> None:
    """Give up before CloudFormation does, which would not say why."""
    if time.time() - build["startTime"].timestamp() > limit:
        logs = build.get("logs", {})
        raise BuildFailedError(
            f"build {build['id']} is still in its phase {build.get('currentPhase')} after {limit // 60} minutes; it "
            "goes on, and the next deployment builds again; "
            f"log: {logs.get('groupName')}/{logs.get('streamName')}"
        )


def _reason(build: dict[str, Any]) -> str:
    """Phase, exit status, the builder's own words for the error and the log's name in one text."""
    failed = [phase for phase in build.get("phases", []) if phase.get("phaseStatus") not in (None, "SUCCEEDED")]
    messages = [
        (str(phase["phaseType"]), str(context["message"]))
        for phase in failed
        for context in phase.get("contexts", [])
        if context.get("message")
    ]
    logs = build.get("logs", {})
    return "; ".join(
        [
            f"build {build['id']} ended {build['buildStatus']}",
            # A message repeats the whole command before its reason.
            *(f"{phase}: {message.rpartition('Reason: ')[2]}" for phase, message in messages),
            *_last_errors(logs, commands="\n".join(message for _, message in messages)),
            f"log: {logs.get('groupName')}/{logs.get('streamName')}",
        ]
    )


def _last_errors(logs: dict[str, Any], *, commands: str) -> list[str]:
    """The lines with which the builder names its error, else what it said last."""
    try:
        events = boto3.client("logs").get_log_events(
            logGroupName=logs["groupName"], logStreamName=logs["streamName"], limit=_LOG_LINES
        )["events"]
    except Exception as error:
        return [f"its log cannot be read: {error}"]
    lines = [line.strip() for event in events for line in event["message"].splitlines()]
    # CodeBuild writes each command into the log before it runs and again when it fails.
    said = [
        line[:_LINE_LENGTH]
        for line in lines
        if line and line not in commands and not line.startswith(("[Container]", "exit status"))
    ]
    named = [line for line in said if line.lower().startswith(("error", "fatal"))]
    return list(dict.fromkeys(named or said))[-_NAMED_LINES:]

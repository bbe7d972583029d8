"""Custom resource: runs a CodeBuild build during a deployment and reports its result.

Handlers for the CDK provider framework. Only boto3, which the Lambda runtime has.
"""

from __future__ import annotations

from typing import Any

import boto3

_LOG_LINES = 15
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
        BuildFailedError: if it ended without success.
    """
    if event["RequestType"] == "Delete":
        return {"IsComplete": True}
    build = boto3.client("codebuild").batch_get_builds(ids=[event["Data"]["BuildId"]])["builds"][0]
    if build["buildStatus"] == "IN_PROGRESS":
        return {"IsComplete": False}
    if build["buildStatus"] != "SUCCEEDED":
        raise BuildFailedError(_reason(build))
    return {"IsComplete": True}


def _reason(build: dict[str, Any]) -> str:
    """Phase, reason, the end of the log and the log's name in one text."""
    failed = [phase for phase in build.get("phases", []) if phase.get("phaseStatus") not in (None, "SUCCEEDED")]
    contexts = [
        f"{phase['phaseType']}: {context['message']}"
        for phase in failed
        for context in phase.get("contexts", [])
        if context.get("message")
    ]
    logs = build.get("logs", {})
    log_name = f"{logs.get('groupName')}/{logs.get('streamName')}"
    parts = [f"build {build['id']} ended {build['buildStatus']}", *contexts, *_last_errors(logs), f"log: {log_name}"]
    return "; ".join(parts)


def _last_errors(logs: dict[str, Any]) -> list[str]:
    """The lines with which the builder names its error, else the last line."""
    try:
        events = boto3.client("logs").get_log_events(
            logGroupName=logs["groupName"], logStreamName=logs["streamName"], limit=_LOG_LINES
        )["events"]
    except Exception as error:
        return [f"its log cannot be read: {error}"]
    lines = [event["message"].strip()[:_LINE_LENGTH] for event in events if event["message"].strip()]
    named = [line for line in lines if line.lower().startswith(("error", "fatal")) or "error:" in line.lower()]
    return named[-3:] or lines[-1:]

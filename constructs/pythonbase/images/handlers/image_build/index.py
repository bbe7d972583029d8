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
_NEWEST = 20
_REQUEST = "DEPLOYMENT_REQUEST_ID"
"""Variable of the build that names the deployment's request."""

# New accounts begin with 0 or 1: https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
_MORE_BUILDS = (
    "Ask for more: aws service-quotas request-service-quota-increase --service-code codebuild --quota-code L-9D07B6EF "
    "--desired-value 10 (a new account may have to ask AWS Support); then deploy again"
)


class BuildFailedError(Exception):
    """The build ended without success; the message is what the deployment shows."""


def on_event(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - the signature is Lambda's
    """Start a build on create and update. A deletion changes nothing: images are kept."""
    project = event["ResourceProperties"]["ProjectName"]
    if event["RequestType"] == "Delete":
        return {"PhysicalResourceId": event["PhysicalResourceId"]}
    data = {"BuildId": _start(project, event["RequestId"]), "RequestedAt": int(time.time())}
    return {"PhysicalResourceId": project, "Data": data}


def is_complete(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - the signature is Lambda's
    """Whether the build has ended.

    Raises:
        BuildFailedError: if it ended without success, takes too long, or cannot be started.
    """
    if event["RequestType"] == "Delete":
        return {"IsComplete": True}
    codebuild, properties = boto3.client("codebuild"), event["ResourceProperties"]
    build_id = event["Data"]["BuildId"] or _started_later(properties["ProjectName"], event["RequestId"])
    if not build_id:
        _check_wait(event["Data"]["RequestedAt"], int(properties["TimeoutSeconds"]))
        _start(properties["ProjectName"], event["RequestId"])
        return {"IsComplete": False}
    build = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
    if build["buildStatus"] == "IN_PROGRESS":
        _check_time(build, int(properties["TimeoutSeconds"]))
        return {"IsComplete": False}
    if build["buildStatus"] != "SUCCEEDED":
        raise BuildFailedError(_reason(build))
    return {"IsComplete": True}


def _start(project: str, request_id: str) -> str:
    """The id of the build that was started; the empty text if the account runs as many as it may.

    Raises:
        BuildFailedError: if the account may run none at all: waiting would not help.
    """
    codebuild = boto3.client("codebuild")
    try:
        build = codebuild.start_build(
            projectName=project,
            # The token makes a second delivery of the same request meet the same build, for five minutes.
            idempotencyToken=request_id,
            environmentVariablesOverride=[{"name": _REQUEST, "value": request_id}],
        )["build"]
    except codebuild.exceptions.AccountLimitExceededException as error:
        message = str(error.response["Error"]["Message"])
        if " 0 builds" in message:
            raise BuildFailedError(f"{message}. {_MORE_BUILDS}") from error
        print(f"not started yet: {message}")
        return ""
    return str(build["id"])


def _started_later(project: str, request_id: str) -> str:
    """The id of the build that an earlier poll started, or the empty text: polls hand nothing on to each other."""
    codebuild = boto3.client("codebuild")
    ids = codebuild.list_builds_for_project(projectName=project, sortOrder="DESCENDING")["ids"][:_NEWEST]
    mark = {"name": _REQUEST, "value": request_id}
    for build in codebuild.batch_get_builds(ids=ids)["builds"] if ids else ():
        if any(mark.items() <= variable.items() for variable in build["environment"]["environmentVariables"]):
            return str(build["id"])
    return ""


def _check_wait(requested_at: int, limit: int) -> None:
    """Give up before CloudFormation does, which would not say why."""
    if time.time() - requested_at > limit:
        raise BuildFailedError(
            f"CodeBuild did not start the build within {limit // 60} minutes, because the account runs as many builds "
            f"as it may. {_MORE_BUILDS}"
        )


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

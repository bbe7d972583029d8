"""Writes how a pipeline's execution goes to the commit that it is about, as a Bitbucket build status.

Handler of EventBridge events of CodePipeline. Only boto3, which the Lambda runtime has. Environment: ``API_URL``,
``CREDENTIALS`` (ARN or name of a secret), ``CONNECTION_ARN`` (only pipelines with a source over it are reported).
Events of all pipelines of the account reach it; its role may read those with the connection's tag.

https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import boto3

_STATES = {
    "InProgress": "INPROGRESS",
    "Stopping": "INPROGRESS",
    "Succeeded": "SUCCESSFUL",
    "Failed": "FAILED",
    "Stopped": "STOPPED",
    "Superseded": "STOPPED",
    "Cancelled": "STOPPED",
}
_WAITS = (1, 2, 4, 8, 16, 32)  # seconds after failed attempts; Lambda tries the event again when all fail
_LONGEST_KEY = 40
_LONGEST_DESCRIPTION = 255
_TIMEOUT_SECONDS = 10
_FIRST_SERVER_ERROR = 500
_WORTH_ANOTHER_TRY = {408, 429}
_DENIED = "AccessDeniedException"


class BitbucketUnavailableError(Exception):
    """Bitbucket did not take the status, and may take it later."""


def handler(event: Mapping[str, Any], context: object) -> str:  # noqa: ARG001 - the signature is Lambda's
    """Report one execution; returns the line that it logs.

    Raises:
        BitbucketUnavailableError: when every attempt failed, so that Lambda tries again.
    """
    line = _report(event["detail"]["pipeline"], event["detail"]["execution-id"], region=event["region"])
    print(line)
    return line


def _report(pipeline: str, execution: str, *, region: str) -> str:
    """Send how the execution is until Bitbucket has it; returns the line to log.

    Events come twice and out of order, and attempts of one overtake those of another: what counts is how the execution
    is now, which is read for each attempt and once more after the last.
    """
    waits = list(_WAITS)
    sent = answer = ""
    while True:
        try:
            actions = _actions(pipeline, execution)
        except boto3.client("codepipeline").exceptions.ClientError as error:
            if error.response["Error"]["Code"] != _DENIED:
                raise
            return f"{pipeline} {execution}: not a pipeline of this connection, nothing to report: {error}"
        source = next((item for item in actions if "CommitId" in _variables(item)), None)
        if source is None or _variables(source).get("ConnectionArn") != os.environ["CONNECTION_ARN"]:
            return f"{pipeline} {execution}: no commit of this connection, nothing to report"
        commit = _variables(source)
        state = _state(pipeline, execution)
        if state == sent:
            return f"{pipeline} {execution}: {state} to {commit['FullRepositoryName']} {commit['CommitId']}: {answer}"
        body = {
            "key": pipeline if len(pipeline) <= _LONGEST_KEY else hashlib.sha1(pipeline.encode()).hexdigest(),  # noqa: S324 - a short name, no secret
            "name": pipeline,
            "state": state,
            "url": _url(pipeline, execution, actions, region=region),
            "description": _description(state, actions),
            # A pull request shows statuses of its source branch only. Its run has another variable than that of a push,
            # and the run of a tag has none:
            # https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-triggers.html
            "refname": commit.get("SourceBranchName") or commit.get("BranchName", ""),
        }
        path = f"/repositories/{commit['FullRepositoryName']}/commit/{commit['CommitId']}/statuses/build"
        try:
            answer = _post(path, {name: value for name, value in body.items() if value})
        except BitbucketUnavailableError:
            if not waits:
                raise
            time.sleep(waits.pop(0))
        else:
            sent = state


def _state(pipeline: str, execution: str) -> str:
    status = boto3.client("codepipeline").get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
    return _STATES.get(status["pipelineExecution"]["status"], "INPROGRESS")


def _actions(pipeline: str, execution: str) -> list[Mapping[str, Any]]:
    """The execution's actions, oldest first."""
    pages = (
        boto3.client("codepipeline")
        .get_paginator("list_action_executions")
        .paginate(pipelineName=pipeline, filter={"pipelineExecutionId": execution})
    )
    return [item for page in pages for item in page["actionExecutionDetails"]][::-1]


def _variables(action: Mapping[str, Any]) -> Mapping[str, str]:
    variables: Mapping[str, str] = action.get("output", {}).get("outputVariables", {})
    return variables


def _result(action: Mapping[str, Any]) -> Mapping[str, Any]:
    result: Mapping[str, Any] = action.get("output", {}).get("executionResult", {})
    return result


def _url(pipeline: str, execution: str, actions: list[Mapping[str, Any]], *, region: str) -> str:
    """The log, when a build is all that there is or was the last thing that ran; else the execution's page."""
    last = actions[-1]
    log = _result(last).get("externalExecutionUrl")
    if log and last["input"]["actionTypeId"]["provider"] == "CodeBuild":
        return str(log)
    # No other partition has connections to Bitbucket.
    domain = "amazonaws-us-gov.com" if region.startswith("us-gov-") else "aws.amazon.com"
    console = f"https://{region}.console.{domain}/codesuite/codepipeline/pipelines"
    return f"{console}/{pipeline}/executions/{execution}/timeline?region={region}"


def _description(state: str, actions: list[Mapping[str, Any]]) -> str:
    failed = [item for item in actions if item["status"] == "Failed"]
    if state != "FAILED" or not failed:
        return ""
    reason = _result(failed[-1]).get("errorDetails", {}).get("message", "")
    return f"{failed[-1]['stageName']} failed: {reason}"[:_LONGEST_DESCRIPTION]


def _post(path: str, body: Mapping[str, str]) -> str:
    """Send; returns what came of it. What Bitbucket refuses is refused for good.

    Raises:
        BitbucketUnavailableError: when another attempt may have more success.
    """
    request = urllib.request.Request(  # noqa: S310 - the address is the platform's setting, over HTTPS
        os.environ["API_URL"] + path,
        method="POST",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": _authorization()},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310 - as above
            return str(response.status)
    except urllib.error.HTTPError as error:
        with error:
            problem = f"{error.code} {error.read(300).decode(errors='replace')}"
        if error.code < _FIRST_SERVER_ERROR and error.code not in _WORTH_ANOTHER_TRY:
            return f"refused: {problem}"
    except OSError as error:
        problem = str(error)
    raise BitbucketUnavailableError(f"{path}: {problem}")


def _authorization() -> str:
    """An access token of a repository, project or workspace is a bearer's; an API token belongs to an account.

    https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/
    """
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["CREDENTIALS"])
    credentials = json.loads(secret["SecretString"])
    if "email" not in credentials:
        return f"Bearer {credentials['token']}"
    login = f"{credentials['email']}:{credentials['token']}"
    return f"Basic {base64.b64encode(login.encode()).decode()}"

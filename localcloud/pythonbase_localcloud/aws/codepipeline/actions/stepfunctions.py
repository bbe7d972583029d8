"""Invoke action: a state machine."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from uuid import uuid4

from pythonbase_localcloud.aws.codepipeline.context import ActionAbandonedError, ActionContext, ActionFailedError

_POLL_SECONDS = 0.4
_NAME_CHARACTERS = 80


def run(context: ActionContext) -> Mapping[str, str]:
    """Start the execution with the action's role and wait for its end."""
    configuration = context.configuration
    machine = configuration["StateMachineArn"]
    prefix = configuration.get("ExecutionNamePrefix") or context.pipeline
    client = context.client("stepfunctions")
    arn = client.start_execution(
        stateMachineArn=machine, input=_input(context), name=f"{prefix}-{uuid4()}"[-_NAME_CHARACTERS:]
    )["executionArn"]
    context.result.update(externalExecutionId=arn)
    try:
        while (execution := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            context.wait(_POLL_SECONDS)
    except ActionAbandonedError:
        client.stop_execution(executionArn=arn)
        raise
    if execution["status"] != "SUCCEEDED":
        reason = ": ".join(str(part) for part in (execution.get("error"), execution.get("cause")) if part)
        raise ActionFailedError(f"State machine execution {arn} ended with status {execution['status']}. {reason}")
    context.result["externalExecutionSummary"] = f"Execution {arn} succeeded"
    for artifact in context.action["outputArtifacts"]:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("output.json", execution.get("output") or "{}")
        context.put_output(artifact["name"], packed.getvalue())
    return {"StateMachineArn": machine, "ExecutionArn": arn}


def _input(context: ActionContext) -> str:
    value = context.configuration.get("Input") or ""
    if context.configuration.get("InputType", "Literal") == "Literal":
        return value or "{}"
    content = context.get_input(next(iter(context.inputs)))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(value).decode()
    except KeyError as error:
        raise ActionFailedError(f"the input artifact has no file {value}", code="ConfigurationError") from error

"""State machines act with their own role, and know CodeBuild's integration.

MiniStack calls other services from inside, past IAM.
"""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pythonbase_localcloud.aws import faults, scope, seams
from pythonbase_localcloud.aws.iam import authorization, credentials
from pythonbase_localcloud.aws.iam.request_conditions import condition_keys
from pythonbase_localcloud.aws.step_functions import aws_sdk, execution_life

_POLL_SECONDS = 0.4
_EXECUTIONS = 128
_SESSION_SECONDS = 24 * 3600
_machine: contextvars.ContextVar[tuple[str, str, str]] = contextvars.ContextVar("state_machine", default=("", "", ""))
"""Role, state machine and execution that run on this thread."""
Parameters = Mapping[str, Any]


@lru_cache(maxsize=_EXECUTIONS)
def _session_of(role: str, machine: str, execution: str) -> credentials.Credentials:
    """One for all calls of an execution; policies are evaluated anew at each call anyway."""
    return credentials.role_session(
        role,
        service="states.amazonaws.com",
        session_name=execution.rsplit(":", 1)[-1],
        source_arn=machine,
        seconds=_SESSION_SECONDS,
    )


def _session() -> credentials.Credentials:
    try:
        return _session_of(*_machine.get())
    except credentials.AssumeRoleError as error:
        raise seams.stepfunctions._ExecutionError("States.TaskFailed", str(error)) from error


def _require(action: str, resource: str, error: str, parameters: Parameters | None = None) -> None:
    context = condition_keys(action.split(":", 1)[0], resource, parameters or {})
    try:
        authorization.check(_session().access_key_id, action, resource, context)
    except authorization.AccessDeniedError as denied:
        raise seams.stepfunctions._ExecutionError(error, str(denied)) from denied
    fault = faults.failing(action, _machine.get()[0])
    if fault:
        name = fault.error if error.startswith("Lambda.") else f"{error.split('.', 1)[0]}.{fault.error}"
        raise seams.stepfunctions._ExecutionError(name, fault.message)


def _sdk(resource: str, parameters: Parameters) -> Any:
    service, action = resource.split("aws-sdk:", 1)[1].split(".", 1)[0].split(":")[:2]
    try:
        return aws_sdk.call(service.lower(), action, parameters, _session(), retries=0)
    except aws_sdk.SdkError as error:
        raise seams.stepfunctions._ExecutionError(error.error, error.cause) from error


def _optimized(resource: str, service: str, action: str, parameters: Parameters) -> Any:
    """An optimized integration that is the API call plus, for ``.sync``, waiting."""
    try:
        return aws_sdk.call(service, action, parameters, _session(), retries=0)
    except aws_sdk.SdkError as error:
        raise seams.stepfunctions._ExecutionError(error.error, error.cause) from error
    finally:
        del resource


def _start_build(resource: str, parameters: Parameters) -> Any:
    build = _optimized(resource, "codebuild", "startBuild", parameters)
    if not resource.endswith(".sync"):
        return build
    while True:
        time.sleep(_POLL_SECONDS)
        found = _optimized(resource, "codebuild", "batchGetBuilds", {"Ids": [build["Build"]["Id"]]})["Builds"][0]
        if found["BuildComplete"]:
            break
    if found["BuildStatus"] != "SUCCEEDED":
        raise seams.stepfunctions._ExecutionError("States.TaskFailed", json.dumps({"Build": found}))
    return {"Build": found}


def _run_task(resource: str, parameters: Parameters) -> Any:
    started = _optimized(resource, "ecs", "runTask", parameters)
    if not resource.endswith(".sync"):
        return started
    arns = [task["TaskArn"] for task in started["Tasks"]]
    while True:
        time.sleep(_POLL_SECONDS)
        tasks = _optimized(resource, "ecs", "describeTasks", {"Cluster": parameters.get("Cluster"), "Tasks": arns})[
            "Tasks"
        ]
        if all(task["LastStatus"] == "STOPPED" for task in tasks):
            break
    if any(container.get("ExitCode") not in (0, None) for task in tasks for container in task.get("Containers", [])):
        raise seams.stepfunctions._ExecutionError("States.TaskFailed", json.dumps(tasks[0]))
    return {"Tasks": tasks} if len(tasks) > 1 else tasks[0]


#: prefix of an optimized integration -> the permission it needs: action and resource
_CHECKED: dict[str, Callable[[Parameters], tuple[str, str]]] = {
    "arn:aws:states:::lambda:invoke": lambda p: ("lambda:InvokeFunction", _function_arn(str(p.get("FunctionName")))),
    "arn:aws:states:::states:startExecution": lambda p: (
        "states:StartExecution",
        str(p.get("StateMachineArn") or p.get("stateMachineArn")),
    ),
    "arn:aws:states:::sns:publish": lambda p: ("sns:Publish", str(p.get("TopicArn"))),
    "arn:aws:states:::sqs:sendMessage": lambda p: ("sqs:SendMessage", _queue_arn(str(p.get("QueueUrl")))),
    "arn:aws:states:::events:putEvents": lambda p: ("events:PutEvents", _bus_arn(p)),
    **{
        f"arn:aws:states:::dynamodb:{name}": lambda p, name=name: (  # type: ignore[misc]
            f"dynamodb:{name[0].upper()}{name[1:]}",
            f"arn:aws:dynamodb:{scope.region()}:{scope.account()}:table/{p.get('TableName')}",
        )
        for name in ("getItem", "putItem", "updateItem", "deleteItem")
    },
}


def _function_arn(name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:lambda:{scope.region()}:{scope.account()}:function:{name}"


def _queue_arn(url: str) -> str:
    account, name = url.rstrip("/").split("/")[-2:]
    return f"arn:aws:sqs:{scope.region()}:{account}:{name}"


def _bus_arn(parameters: Parameters) -> str:
    entries = parameters.get("Entries") or [{}]
    name = str(entries[0].get("EventBusName") or "default").rsplit("/", 1)[-1]
    return f"arn:aws:events:{scope.region()}:{scope.account()}:event-bus/{name}"


def _check_integration(resource: str, parameters: Any) -> None:
    """Raise a task failure unless the machine's role may do what the integration does."""
    plain = resource.removesuffix(".waitForTaskToken")
    if ":function:" in plain and plain.startswith("arn:aws:lambda:"):
        _require("lambda:InvokeFunction", plain, "Lambda.AWSLambdaException")
        return
    for prefix, permission in _CHECKED.items():
        if plain.startswith(prefix):
            action, target = permission(parameters if isinstance(parameters, dict) else {})
            service = action.split(":", 1)[0]
            error = (
                "Lambda.AWSLambdaException" if service == "lambda" else f"{service.capitalize()}.AccessDeniedException"
            )
            _require(action, target, error, parameters if isinstance(parameters, dict) else {})
            return


def install() -> None:
    """Patch MiniStack's Step Functions."""
    execution_life.install()
    machine = seams.stepfunctions
    run, invoke, callback = machine._run_execution, machine._invoke_resource, machine._invoke_with_callback

    def run_execution(execution_arn: str) -> Any:
        execution = machine._executions.get(execution_arn) or {}
        machine_arn = str(execution.get("stateMachineArn"))
        role = (machine._state_machines.get(machine_arn) or {}).get("roleArn", "")
        reset = _machine.set((role, machine_arn, execution_arn))
        try:
            return run(execution_arn)
        finally:
            _machine.reset(reset)

    def invoke_resource(resource: str, parameters: Any) -> Any:
        execution_life.check_running(_machine.get()[2])
        if "aws-sdk:" in resource:
            return _sdk(resource, parameters)
        if resource.startswith("arn:aws:states:::codebuild:startBuild"):
            return _start_build(resource, parameters)
        if resource.startswith("arn:aws:states:::ecs:runTask"):
            return _run_task(resource, parameters)
        _check_integration(resource, parameters)
        return invoke(resource, parameters)

    def invoke_with_callback(resource: str, parameters: Any, *rest: Any) -> Any:
        execution_life.check_running(_machine.get()[2])
        _check_integration(resource, parameters)
        return callback(resource, parameters, *rest)

    machine._run_execution = run_execution
    machine._invoke_resource = invoke_resource
    machine._invoke_with_callback = invoke_with_callback
    machine._invoke_aws_sdk_integration = _sdk
    find = machine._find_matching_retrier

    def find_matching_retrier(retriers: Any, error: Any, counts: Any) -> Any:
        """Waits are shortened (SFN_WAIT_SCALE); a retry that polls at a steady pace must not give up earlier for it."""
        scale = machine._SFN_WAIT_SCALE
        if 0 < scale < 1:
            retriers = [
                {**retrier, "MaxAttempts": int(retrier.get("MaxAttempts", 3) / scale)}
                if retrier.get("BackoffRate") == 1
                else retrier
                for retrier in retriers
            ]
        return find(retriers, error, counts)

    machine._find_matching_retrier = find_matching_retrier

"""What ends executions of state machines, and what makes them go on: time limits, stops, redrives.

MiniStack ignores the limit of a definition, knows no redrive, and lets a stopped execution finish the retries of the
state that it is in.
"""

from __future__ import annotations

import contextvars
import copy
import json
import threading
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import seams
from pythonbase_localcloud.aws.json_service import ApiError, json_response

Record = dict[str, Any]
_REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")
_EXECUTORS = {"Pass": "_execute_pass", "Task": "_execute_task", "Choice": "_execute_choice", "Wait": "_execute_wait"}
_MOST_EVENTS = 25_000


class _EndedError(BaseException):
    """The execution of this thread has ended; no handler of errors may see it."""


def check_running(execution_arn: str) -> None:
    """Raise on the thread of an execution that was stopped or has timed out: it makes no further call."""
    execution = seams.stepfunctions._executions.get(execution_arn)
    if execution is not None and execution["status"] != "RUNNING":
        raise _EndedError


def run(execution_arn: str, walk: Any) -> None:
    """Run an execution with the time limit of its definition."""
    machine = seams.stepfunctions
    execution = machine._executions.get(execution_arn)
    if execution is None:
        return
    timer = _timer(execution)
    try:
        walk(execution_arn)
    except _EndedError:
        pass
    finally:
        if timer:
            timer.cancel()


def _definition(execution: Mapping[str, Any]) -> Record:
    state_machine = seams.stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    found: Record = json.loads(state_machine.get("definition") or "{}")
    return found


def _timer(execution: Record) -> threading.Timer | None:
    """Waits are shortened (SFN_WAIT_SCALE), and the limit with them. It starts anew with a redrive:
    https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
    """
    seconds = _definition(execution).get("TimeoutSeconds")
    if seconds is None:
        return None
    context = contextvars.copy_context()
    timer = threading.Timer(
        float(seconds) * (seams.stepfunctions._SFN_WAIT_SCALE or 1), context.run, (_time_out, execution)
    )
    timer.daemon = True
    timer.start()
    return timer


def _time_out(execution: Record) -> None:
    machine = seams.stepfunctions
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", stopDate=machine.now_iso(), error="States.Timeout", cause=None)
    machine._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
    machine._emit_execution_status_event(execution)


def _redrive(members: Mapping[str, Any]) -> Record:
    machine = seams.stepfunctions
    execution = machine._executions.get(members.get("executionArn"))
    if execution is None:
        raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{members.get('executionArn')}'")
    if execution["status"] not in _REDRIVABLE or "_at" not in execution:
        raise ApiError("ExecutionNotRedrivable", f"Execution is {execution['status']} and cannot be redriven")
    now = machine.now_iso()
    execution.update(status="RUNNING", stopDate=None, error=None, cause=None, output=None)
    execution.update(redriveCount=execution.get("redriveCount", 0) + 1, redriveDate=now)
    machine._add_event(execution, "ExecutionRedriven", {})
    machine._emit_execution_status_event(execution)
    context = contextvars.copy_context()
    arguments = (machine._run_execution, execution["executionArn"])
    threading.Thread(target=context.run, args=arguments, daemon=True).start()
    return {"redriveDate": now}


def _resume(execution: Record) -> None:
    """Go on with the state that did not succeed: same input, same variables."""
    machine, definition = seams.stepfunctions, _definition(execution)
    name, value, variables = copy.deepcopy(execution["_at"])
    context = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"]},
        "variables": variables,
    }
    try:
        while name and execution["status"] == "RUNNING":
            state = definition["States"][name]
            kind = state["Type"]
            context["State"] = {"Name": name, "EnteredTime": machine.now_iso(), "RetryCount": 0}
            machine._add_event(
                execution, f"{kind}StateEntered", {"stateEnteredEventDetails": {"name": name, "input": "{}"}}
            )
            if kind == "Fail":
                raise machine._ExecutionError(*machine._fail_state_error(state, value, context))
            if kind == "Succeed":
                break
            arguments = (execution, context) if kind == "Task" else (context,)
            value, name = getattr(machine, _EXECUTORS[kind])(state, value, *arguments)
        if execution["status"] == "RUNNING":
            execution.update(status="SUCCEEDED", output=json.dumps(value), stopDate=machine.now_iso())
            machine._emit_execution_status_event(execution)
    except machine._ExecutionError as error:
        machine._fail_execution(execution, error.error, error.cause)


def install() -> None:
    """Patch MiniStack's Step Functions, before `step_functions` wraps what is patched here."""
    _install_runs()
    _install_ends()
    for kind, name in _EXECUTORS.items():
        _remember(name, 1 if kind == "Task" else 0)
    _install_api()


def _install_runs() -> None:
    machine = seams.stepfunctions
    run_execution = machine._run_execution

    def run_or_resume(execution_arn: str) -> None:
        execution = machine._executions.get(execution_arn) or {}
        run(execution_arn, (lambda _: _resume(execution)) if execution.get("redriveCount") else run_execution)

    machine._run_execution = run_or_resume


def _install_ends() -> None:
    machine = seams.stepfunctions
    fail, add_event = machine._fail_execution, machine._add_event

    def fail_execution(execution: Record, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":  # what was stopped stays stopped
            fail(execution, error, cause)

    def count_events(execution: Record, *details: Any) -> None:
        add_event(execution, *details)
        # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
        if len(execution["events"]) >= _MOST_EVENTS and execution["status"] == "RUNNING":
            fail(execution, "States.Runtime", "The execution reached the maximum number of history events (25000).")

    machine._fail_execution = fail_execution
    machine._add_event = count_events


def _remember(name: str, position: int) -> None:
    """Keep where an execution is, for a redrive."""
    machine = seams.stepfunctions
    original = getattr(machine, name)

    def execute(state: Any, value: Any, *rest: Any) -> Any:
        context = rest[position]
        execution = machine._executions.get(context.get("Execution", {}).get("Id")) or {}
        if execution.get("status") == "RUNNING":
            execution["_at"] = (context["State"]["Name"], value, copy.deepcopy(context["variables"]))
            context["Execution"]["RedriveCount"] = execution.get("redriveCount", 0)
        return original(state, value, *rest)

    setattr(machine, name, execute)


def _install_api() -> None:
    machine = seams.stepfunctions
    describe, handle = machine._describe_execution, seams.app.SERVICE_HANDLERS["states"]

    def describe_execution(members: Any) -> Any:
        status, headers, body = describe(members)
        execution = machine._executions.get(members.get("executionArn"))
        if execution is not None:
            known = {"redriveCount": execution.get("redriveCount", 0), "redriveDate": execution.get("redriveDate")}
            body = json.dumps({**json.loads(body), **{key: value for key, value in known.items() if value is not None}})
        return status, headers, body

    async def handle_request(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            try:
                return machine._finalize_response(json_response(_redrive(json.loads(body))))
            except ApiError as error:
                return error.response()
        return await handle(method, path, headers, body, query)

    machine._describe_execution = describe_execution
    seams.app.SERVICE_HANDLERS["states"] = handle_request

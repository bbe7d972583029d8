"""The last release of a service: the execution of its state machine, and what ECS says meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pythonbase_operations.aws import OperationError
from pythonbase_operations.printing import one_line

_MOST_EVENTS = 5000
_NO_STEPS = ("ChoiceStateEntered", "PassStateEntered")
"""States that only decide or remember."""


_UPDATE = "Update"
"""The step of a release that changes the service."""
_SEARCHED = 10


def last(sfn: Any, arn: str) -> Mapping[str, Any]:
    """The description of the last execution that is a release.

    The reconciler looks after each deployment, also after that of a release. An execution of it that found nothing to
    do is left out, unless the last ones are all like that.

    Raises:
        OperationError: if there is none.
    """
    try:
        found = sfn.list_executions(stateMachineArn=arn, maxResults=_SEARCHED)["executions"]
    except sfn.exceptions.StateMachineDoesNotExist as error:
        raise OperationError(f"there is no state machine {arn}: deploy the service's stack") from error
    if not found:
        raise OperationError("there is no release yet")
    newest: list[Mapping[str, Any]] = []
    for item in found:
        newest.append(sfn.describe_execution(executionArn=item["executionArn"]))
        if not _found_nothing_to_do(sfn, newest[-1]):
            return newest[-1]
    return newest[0]


def _found_nothing_to_do(sfn: Any, execution: Mapping[str, Any]) -> bool:
    if execution["status"] != "SUCCEEDED" or _input(execution).get("by") != "reconciler":
        return False
    return all(_entered(event) != _UPDATE for event in history(sfn, execution))


def _entered(event: Mapping[str, Any]) -> str | None:
    """The step that begins with an event."""
    return event["stateEnteredEventDetails"]["name"] if event["type"].endswith("StateEntered") else None


def history(sfn: Any, execution: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The events of an execution, without their data."""
    pages = sfn.get_paginator("get_execution_history").paginate(
        executionArn=execution["executionArn"],
        includeExecutionData=False,
        PaginationConfig={"PageSize": 1000, "MaxItems": _MOST_EVENTS},
    )
    return [event for page in pages for event in page["events"]]


def described(execution: Mapping[str, Any]) -> str:
    """Which release it is, in one line."""
    given = _input(execution)
    commit = f" of commit {given['commit']}" if given.get("commit") else ""
    by = f", by {given['by']}" if given.get("by") else ""
    started = f"{execution['startDate']:%Y-%m-%d %H:%M:%S}"
    return one_line(f"release {execution['name']}{commit}{by}, started {started}: {execution['status']}", at_most=None)


def _input(execution: Mapping[str, Any]) -> Mapping[str, Any]:
    found = json.loads(execution.get("input") or "{}")
    return found if isinstance(found, dict) else {}


def reason(execution: Mapping[str, Any]) -> list[str]:
    """Error and cause; empty unless the execution failed."""
    text = ": ".join(part for part in (execution.get("error"), execution.get("cause")) if part)
    return [one_line(text, at_most=None)] if text else []


def steps(events: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each step, in the order in which it began, with the times of a step that is repeated."""
    times: dict[str, list[datetime]] = {}
    for event in events:
        name = _entered(event)
        if name and event["type"] not in _NO_STEPS:
            times.setdefault(name, []).append(event["timestamp"])
    return [
        f"{found[0]:%H:%M:%S} {name}" + (f" ({len(found)} times, last at {found[-1]:%H:%M:%S})" if found[1:] else "")
        for name, found in times.items()
    ]


def service_events(ecs: Any, *, cluster: str, service: str, execution: Mapping[str, Any]) -> list[str]:
    """What ECS said of the service during the release, the oldest first; ECS keeps the last 100 messages."""
    found = ecs.describe_services(cluster=cluster, services=[service])["services"]
    return during(execution, found[0].get("events") or [] if found else [])


def during(execution: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> list[str]:
    """The messages between the start and the end of an execution, the oldest first."""
    begin, end = execution["startDate"], execution.get("stopDate")
    return [
        f"{event['createdAt']:%H:%M:%S} {one_line(event['message'], at_most=None)}"
        for event in sorted(events, key=lambda item: item["createdAt"])
        if event["createdAt"] >= begin and (end is None or event["createdAt"] <= end)
    ]

"""Unlock the service, then succeed or fail."""

from __future__ import annotations

from pythonbase.releases.steps.calls import FEW_ATTEMPTS, call, ignore
from pythonbase.releases.steps.lock import lock_key
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.states import State, States, fail, jsonata, succeed


def end(target: ReleaseTarget) -> States:
    """``Unlock`` ends a release that has succeeded, ``UnlockFailed`` one that has failed."""
    return {
        "Unlock": _unlock(target, "Released"),
        "Released": succeed(output={"image": jsonata("$image"), "taskDefinition": jsonata("$revision")}),
        "UnlockFailed": _unlock(target, "Fail"),
        "Fail": fail(error=jsonata("$error"), cause=jsonata("$cause")),
    }


def _unlock(target: ReleaseTarget, then: str) -> State:
    """Delete the lock. If that fails, the next release takes it over, because this execution has ended."""
    return call(
        "dynamodb:deleteItem",
        {
            "TableName": target.locks_table,
            "Key": lock_key(target),
            "ConditionExpression": "Holder = :me",
            "ExpressionAttributeValues": {":me": {"S": jsonata("$me")}},
        },
        then=then,
        fails=ignore(then),
        attempts=FEW_ATTEMPTS,
    )

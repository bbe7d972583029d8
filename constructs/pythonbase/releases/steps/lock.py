"""Take the lock: one release of a service at a time."""

from __future__ import annotations

from pythonbase.releases.locks import LOCK_KEY
from pythonbase.releases.steps.calls import call, count_longer_waits, count_wait, failure, report
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.errors import catch
from pythonbase.state_machines.states import State, States, choice, jsonata, wait

CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
"""Another execution holds the lock."""

_PAUSE_SECONDS = 15
"""Before an execution that was not found is looked for again."""
_STOP_SECONDS = 5
"""A call of a stopped execution may still be in progress."""


def lock_key(target: ReleaseTarget) -> State:
    """Key of the lock's item."""
    return {LOCK_KEY: {"S": target.names.deployed_name}}


def lock(target: ReleaseTarget) -> States:
    """Take the lock, or wait for it. Continues with ``Service``."""
    key = lock_key(target)
    mine = {**key, "Holder": {"S": jsonata("$me")}}
    minutes = target.turn_seconds // 60
    return {
        "Lock": call(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": mine,
                "ConditionExpression": f"attribute_not_exists({LOCK_KEY}) OR Holder = :me",
                "ExpressionAttributeValues": {":me": {"S": jsonata("$me")}},
            },
            catches=[catch(CONDITION_FAILED, then="ReadHolder")],
            then="Service",
            fails=report("Failed"),
        ),
        "ReadHolder": call(
            "dynamodb:getItem",
            {"TableName": target.locks_table, "Key": key, "ConsistentRead": True},
            assign={"holder": jsonata("$exists($states.result.Item.Holder.S) ? $states.result.Item.Holder.S : ''")},
            then="IsHeld",
            fails=report("Unread"),
        ),
        "IsHeld": choice(("$holder = ''", "Lock"), otherwise="HolderExecution"),
        "HolderExecution": call(
            "aws-sdk:sfn:describeExecution",
            {"ExecutionArn": jsonata("$holder")},
            assign={"holderStatus": jsonata("$states.result.Status")},
            catches=[catch("Sfn.ExecutionDoesNotExistException", then="IsMissingAgain")],
            then="DoesHolderRun",
            fails=report("Unread"),
        ),
        # DescribeExecution is eventually consistent: it may not find an execution that has just started.
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        "IsMissingAgain": choice(("$missing = $holder", "TakeOver"), otherwise="Missing"),
        "Missing": wait(
            _PAUSE_SECONDS,
            then="Lock",
            assign={"missing": jsonata("$holder"), "turns": jsonata(f"$turns + {_PAUSE_SECONDS}")},
        ),
        "DoesHolderRun": choice(
            ("$holderStatus != 'RUNNING'", "TakeOver"),
            ("$urgent", "StopHolder"),
            (f"$turns < {target.turn_seconds}", "WaitForTurn"),
            otherwise="Busy",
        ),
        "WaitForTurn": count_longer_waits("turns", then="Lock", first=15, until=600, later=target.turn_poll_seconds),
        "Busy": failure(
            "UnlockFailed", "Release.Busy", f"'another release still runs after {minutes} minutes: ' & $holder"
        ),
        "StopHolder": call(
            "aws-sdk:sfn:stopExecution",
            {
                "ExecutionArn": jsonata("$holder"),
                "Error": "Release.Stopped",
                "Cause": jsonata("'stopped for ' & $me & ($by = '' ? '' : ', by ' & $by)"),
            },
            then="LetItStop",
            fails=report("Failed"),
        ),
        "LetItStop": count_wait("turns", then="TakeOver", seconds=_STOP_SECONDS),
        # The lock of an execution that has ended without deleting its lock.
        "TakeOver": call(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": mine,
                "ConditionExpression": "Holder = :holder",
                "ExpressionAttributeValues": {":holder": {"S": jsonata("$holder")}},
            },
            catches=[catch(CONDITION_FAILED, then="Lock")],
            then="Service",
            fails=report("Failed"),
        ),
        "LockLost": failure(
            "UnlockFailed", "Release.LockLost", "'another release has taken over; this one has changed nothing since'"
        ),
    }

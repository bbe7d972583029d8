"""One release of a service at a time: the lock, its takeover, and the proof that it is still held."""

from __future__ import annotations

from pythonbase.releases.locks import LOCK_KEY
from pythonbase.releases.steps.states import REDRIVES, State, States, choice, put, task, wait, wait_longer
from pythonbase.releases.steps.target import ReleaseTarget

_TAKEN = "DynamoDB.ConditionalCheckFailedException"
_PAUSE_SECONDS = 15
"""Between two looks at an execution that is not found."""
_STOP_SECONDS = 5
"""A call of a stopped execution may still be under way."""


def _key(target: ReleaseTarget) -> State:
    return {LOCK_KEY: {"S": target.names.deployed_name}}


def lock(target: ReleaseTarget) -> States:
    """Take the lock, or wait for one's turn; then go on with ``Service``."""
    key = _key(target)
    mine = {**key, "Holder": {"S": "{% $me %}"}}
    minutes = target.turn_seconds // 60
    return {
        "Lock": task(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": mine,
                "ConditionExpression": f"attribute_not_exists({LOCK_KEY}) OR Holder = :me",
                "ExpressionAttributeValues": {":me": {"S": "{% $me %}"}},
            },
            catch={_TAKEN: "ReadHolder"},
            then="Service",
        ),
        "ReadHolder": task(
            "dynamodb:getItem",
            {"TableName": target.locks_table, "Key": key, "ConsistentRead": True},
            assign={"holder": "{% $exists($states.result.Item.Holder.S) ? $states.result.Item.Holder.S : '' %}"},
            then="IsHeld",
            fails="Unread",
        ),
        "IsHeld": choice(("$holder = ''", "Lock"), otherwise="HolderExecution"),
        "HolderExecution": task(
            "aws-sdk:sfn:describeExecution",
            {"ExecutionArn": "{% $holder %}"},
            assign={"holderStatus": "{% $states.result.Status %}"},
            catch={"Sfn.ExecutionDoesNotExistException": "IsMissingAgain"},
            then="DoesHolderRun",
            fails="Unread",
        ),
        # DescribeExecution is eventually consistent: a holder that has just begun can look as if it were not there.
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        "IsMissingAgain": choice(("$missing = $holder", "TakeOver"), otherwise="Missing"),
        "Missing": {
            "Type": "Wait",
            "Seconds": _PAUSE_SECONDS,
            "Assign": {"missing": "{% $holder %}", "turns": f"{{% $turns + {_PAUSE_SECONDS} %}}"},
            "Next": "Lock",
        },
        "DoesHolderRun": choice(
            ("$holderStatus != 'RUNNING'", "TakeOver"),
            ("$urgent", "StopHolder"),
            (f"$turns < {target.turn_seconds}", "WaitForTurn"),
            otherwise="Busy",
        ),
        "WaitForTurn": wait_longer("turns", then="Lock", first=15, until=600, later=target.turn_poll_seconds),
        "Busy": put(
            "UnlockFailed",
            error="'Release.Busy'",
            cause=f"'another release still runs after {minutes} minutes: ' & $holder",
        ),
        "StopHolder": task(
            "aws-sdk:sfn:stopExecution",
            {
                "ExecutionArn": "{% $holder %}",
                "Error": "Release.Stopped",
                "Cause": "{% 'stopped for ' & $me & ($by = '' ? '' : ', by ' & $by) %}",
            },
            then="LetItStop",
        ),
        "LetItStop": wait("turns", then="TakeOver", seconds=_STOP_SECONDS),
        # The lock of an execution that has ended without giving it back.
        "TakeOver": task(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": mine,
                "ConditionExpression": "Holder = :holder",
                "ExpressionAttributeValues": {":holder": {"S": "{% $holder %}"}},
            },
            catch={_TAKEN: "Lock"},
            then="Service",
        ),
        "LockLost": put(
            "UnlockFailed",
            error="'Release.LockLost'",
            cause="'another release has taken over; this one has changed nothing since'",
        ),
    }


def holding(target: ReleaseTarget, name: str, write: State) -> States:
    """The step ``Hold<name>``, which goes on to the writing step ``name`` only while the lock is held, and that step.

    ``write``: the step; one of its arguments is ``fenced``.
    """
    catch_all = write["Catch"][-1]
    hold = task(
        "dynamodb:updateItem",
        {
            "TableName": target.locks_table,
            "Key": _key(target),
            "UpdateExpression": "SET Step = :step",
            "ConditionExpression": "Holder = :me",
            "ExpressionAttributeValues": {":me": {"S": "{% $me %}"}, ":step": {"S": name}},
        },
        assign={"fence": f"{{% {REDRIVES} %}}"},
        catch={_TAKEN: "LockLost"},
        then=name,
        fails=catch_all["Next"],
        keeps_error="Assign" not in catch_all,
    )
    return {f"Hold{name}": hold, name: write}


def unlock(target: ReleaseTarget, then: str) -> State:
    """Give the lock back; one that stays is taken over once this execution has ended."""
    state = task(
        "dynamodb:deleteItem",
        {
            "TableName": target.locks_table,
            "Key": _key(target),
            "ConditionExpression": "Holder = :me",
            "ExpressionAttributeValues": {":me": {"S": "{% $me %}"}},
        },
        then=then,
        attempts=6,
    )
    state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": then}]
    return state

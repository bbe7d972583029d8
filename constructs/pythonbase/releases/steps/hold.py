"""Write only while the execution holds the lock."""

from __future__ import annotations

from pythonbase.releases.steps.calls import call
from pythonbase.releases.steps.lock import CONDITION_FAILED, lock_key
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.errors import catch
from pythonbase.state_machines.states import State, States, jsonata

_REDRIVES = "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
"""How often the execution was redriven:
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html"""


def holding(target: ReleaseTarget, name: str, write: State, *, fails: State) -> States:
    """Two steps: ``Hold<name>`` continues with the step ``name`` only while the execution holds the lock.

    Args:
        target: The service.
        name: Name of the step that writes.
        write: That step. One of its arguments is ``fenced``.
        fails: Which state is next when the lock cannot be checked.
    """
    hold = call(
        "dynamodb:updateItem",
        {
            "TableName": target.locks_table,
            "Key": lock_key(target),
            "UpdateExpression": "SET Step = :step",
            "ConditionExpression": "Holder = :me",
            "ExpressionAttributeValues": {":me": {"S": jsonata("$me")}, ":step": {"S": name}},
        },
        assign={"fence": jsonata(_REDRIVES)},
        catches=[catch(CONDITION_FAILED, then="LockLost")],
        then=name,
        fails=fails,
    )
    return {f"Hold{name}": hold, name: write}


def fenced(expression: str) -> str:
    """An argument of a call that writes. The call fails if the execution was redriven after it last checked the lock.

    A redriven execution continues with the interrupted call. At that time another execution may hold the lock.
    """
    message = "this execution was redriven: start a new release"
    return jsonata(f"($assert($fence = {_REDRIVES}, '{message}'); {expression})")

"""What the reconciler's releases have failed at, so that they are not tried again and again."""

from __future__ import annotations

from pythonbase.releases.locks import FAILURES_SUFFIX, LOCK_KEY
from pythonbase.releases.steps.states import State, States, choice, put, task
from pythonbase.releases.steps.target import ReleaseTarget

RECONCILER = "reconciler"
"""``by`` of an execution that the reconciler starts."""
MOST_FAILURES = 5
_HOUR_MS = 3_600_000
_WHAT = "$image & ' ' & $before"


def _key(target: ReleaseTarget) -> State:
    return {LOCK_KEY: {"S": f"{target.names.deployed_name}{FAILURES_SUFFIX}"}}


def back_off(target: ReleaseTarget, then: str) -> States:
    """Do nothing if the reconciler has tried this image on this task definition in vain, lately or too often.

    A deployment of the template or a release brings another task definition, and is tried at once.
    """
    return {
        "IsByReconciler": choice((f"$by = '{RECONCILER}'", "Failures"), otherwise=then),
        "Failures": task(
            "dynamodb:getItem",
            {"TableName": target.locks_table, "Key": _key(target), "ConsistentRead": True},
            assign={
                "failures": "{% ($item := $states.result.Item; "
                f"$exists($item.What.S) and $item.What.S = ({_WHAT}) ? $number($item.Failures.N) : 0) %}}",
                "until": "{% $exists($states.result.Item.Until.N) ? $number($states.result.Item.Until.N) : 0 %}",
            },
            then="HasItFailed",
            fails="Unread",
        ),
        "HasItFailed": choice(
            (f"$failures >= {MOST_FAILURES} or ($failures > 0 and $millis() < $until)", "BackOff"), otherwise=then
        ),
        "BackOff": put("Unlock", revision="$before", image="$running"),
    }


def remember(target: ReleaseTarget, then: str) -> States:
    """Count a failure of the reconciler's: the next try is after 1, 2, 4, … hours, and after the last there is none."""
    return {
        "IsToBeRemembered": choice(
            (f"$by = '{RECONCILER}' and $before != '' and $image = $recorded", "Remember"), otherwise=then
        ),
        "Remember": task(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": {
                    **_key(target),
                    "What": {"S": f"{{% {_WHAT} %}}"},
                    "Failures": {"N": "{% $string($failures + 1) %}"},
                    "Until": {"N": f"{{% $string($millis() + {_HOUR_MS} * $power(2, $failures)) %}}"},
                },
            },
            assign={
                "cause": "{% $cause & ' This was failure ' & $string($failures + 1) & ' of "
                f"{MOST_FAILURES} of the recorded image on this task definition; ' & "
                f"($failures + 1 < {MOST_FAILURES} ? 'it is tried again in ' & $string($power(2, $failures)) & ' h.' "
                ": 'it is not tried again until something else is deployed or released.') %}"
            },
            then=then,
            fails=then,
            keeps_error=True,
            attempts=6,
        ),
    }

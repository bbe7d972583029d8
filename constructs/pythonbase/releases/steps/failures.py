"""Failures of releases that the reconciler starts: it retries each recorded image a few times only."""

from __future__ import annotations

from pythonbase.releases.locks import FAILURES_SUFFIX, LOCK_KEY
from pythonbase.releases.steps.calls import FEW_ATTEMPTS, call, ignore, report
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.states import State, States, choice, jsonata, set_variables

RECONCILER = "reconciler"
"""``by`` of an execution that the reconciler starts."""
MOST_FAILURES = 5
_HOUR_MS = 3_600_000
_WHAT = "$image & ' ' & $before"


def _key(target: ReleaseTarget) -> State:
    return {LOCK_KEY: {"S": f"{target.names.deployed_name}{FAILURES_SUFFIX}"}}


def back_off(target: ReleaseTarget) -> States:
    """Do nothing if the reconciler has failed with this image on this task definition recently, or too often.

    A deployment of the template, or another release, changes the task definition: then the reconciler retries at once.
    Continues with ``IsADigest``, or with ``Unlock`` if there is nothing to do.
    """
    return {
        "IsByReconciler": choice((f"$by = '{RECONCILER}'", "Failures"), otherwise="IsADigest"),
        "Failures": call(
            "dynamodb:getItem",
            {"TableName": target.locks_table, "Key": _key(target), "ConsistentRead": True},
            assign={
                "failures": jsonata(
                    "($item := $states.result.Item; "
                    f"$exists($item.What.S) and $item.What.S = ({_WHAT}) ? $number($item.Failures.N) : 0)"
                ),
                "until": jsonata("$exists($states.result.Item.Until.N) ? $number($states.result.Item.Until.N) : 0"),
            },
            then="HasItFailed",
            fails=report("Unread"),
        ),
        "HasItFailed": choice(
            (f"$failures >= {MOST_FAILURES} or ($failures > 0 and $millis() < $until)", "BackOff"),
            otherwise="IsADigest",
        ),
        "BackOff": set_variables("Unlock", revision="$before", image="$running"),
    }


def remember(target: ReleaseTarget) -> States:
    """Count a failure of a release by the reconciler. Continues with ``UnlockFailed``.

    The next attempt is after 1, 2, 4, … hours. After the last failure there is none.
    """
    return {
        "IsToBeRemembered": choice(
            (f"$by = '{RECONCILER}' and $before != '' and $image = $recorded", "Remember"), otherwise="UnlockFailed"
        ),
        "Remember": call(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": {
                    **_key(target),
                    "What": {"S": jsonata(_WHAT)},
                    "Failures": {"N": jsonata("$string($failures + 1)")},
                    "Until": {"N": jsonata(f"$string($millis() + {_HOUR_MS} * $power(2, $failures))")},
                },
            },
            assign={
                "cause": jsonata(
                    "$cause & ' This was failure ' & $string($failures + 1) & ' of "
                    f"{MOST_FAILURES} of the recorded image on this task definition; ' & "
                    f"($failures + 1 < {MOST_FAILURES} ? 'it is tried again in ' & $string($power(2, $failures)) & "
                    "' h.' : 'it is not tried again until something else is deployed or released.')"
                )
            },
            then="UnlockFailed",
            fails=ignore("UnlockFailed"),
            attempts=FEW_ATTEMPTS,
        ),
    }

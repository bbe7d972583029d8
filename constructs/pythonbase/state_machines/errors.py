"""What a state does when it fails: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pythonbase.state_machines.states import State

ANY_ERROR = "States.ALL"
"""The name that matches every error."""


def retry(*errors: str, attempts: int, interval: int = 2, longest_delay: int | None = None) -> State:
    """Retry the call with exponential backoff: after ``interval`` seconds, then after twice the last delay.

    With ``longest_delay``, no delay is longer, and each is a random part of what it would be: calls that failed
    together are not repeated together.
    """
    limit = {} if longest_delay is None else {"MaxDelaySeconds": longest_delay, "JitterStrategy": "FULL"}
    return {"ErrorEquals": [*errors], "IntervalSeconds": interval, "BackoffRate": 2, "MaxAttempts": attempts, **limit}


def never_retry(*errors: str) -> State:
    """Do not retry the call after these errors; a ``retry`` behind it may name all others."""
    return {"ErrorEquals": [*errors], "MaxAttempts": 0}


def catch(*errors: str, then: str, assign: Mapping[str, Any] | None = None) -> State:
    """Continue with another state, and assign variables."""
    return {"ErrorEquals": [*errors], "Next": then, **({"Assign": assign} if assign else {})}

"""Calls of AWS APIs in a release: how long they are retried, and what happens when they fail for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pythonbase.state_machines.errors import ANY_ERROR, catch, retry
from pythonbase.state_machines.states import State, jsonata, set_variables, task, wait

# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html, and for the optimized integration
# of DynamoDB https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html
_ERROR_PREFIXES = {"dynamodb": "DynamoDB", "codepipeline": "CodePipeline"}
_MORE_ERRORS = (
    "DynamoDB.AmazonDynamoDBException",
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "Ssm.InternalServerErrorException",
)

MANY_ATTEMPTS = 40
"""Retries of a call that is throttled; they take about 20 minutes."""

FEW_ATTEMPTS = 6
"""Retries of a call that is repeated anyway, or without which the release can continue."""

_ERROR = {"error": jsonata("$states.errorOutput.Error"), "cause": jsonata("$states.errorOutput.Cause")}


def report(then: str, *errors: str, **more: Any) -> State:
    """Catch these errors, or all: keep the error for the end of the release, and assign ``more``."""
    return catch(*(errors or [ANY_ERROR]), then=then, assign={**_ERROR, **more})


def ignore(then: str) -> State:
    """Catch all errors: the error that the release has kept before is reported in the end."""
    return catch(ANY_ERROR, then=then)


def call(
    api: str,
    arguments: Any,
    *,
    then: str,
    fails: State,
    catches: Sequence[State] = (),
    assign: Mapping[str, Any] | None = None,
    attempts: int = MANY_ATTEMPTS,
    longest_delay: int = 30,
) -> State:
    """A call that is retried with exponential backoff.

    Args:
        api: Such as ``aws-sdk:ecs:describeServices``.
        arguments: The arguments of the call.
        then: The next state.
        fails: Which state is next when the call fails for good: ``report`` or ``ignore``.
        catches: States for other errors, which come before ``fails``.
        assign: Variables, of the result.
        attempts: How often the call is retried when it is throttled.
        longest_delay: The longest delay between two of these retries, in seconds.
    """
    service = api.split(":")[-2]
    errors = _ERROR_PREFIXES.get(service, service.capitalize())
    # Throttling has no error name of its own in most services, so the general error of the service is retried too.
    throttled = [f"{errors}.ThrottlingException", f"{errors}.{errors}Exception"]
    if service == "ssm":
        throttled.append("Ssm.TooManyUpdatesException")
    unavailable = [f"{errors}.SdkClientException", f"{errors}.ServerException", *_MORE_ERRORS]
    return task(
        api,
        arguments,
        retries=[
            retry(*throttled, attempts=attempts, longest_delay=longest_delay),
            retry(*unavailable, attempts=6, longest_delay=20),
        ],
        catches=[*catches, fails],
        assign=assign,
        # What later states need is in variables. As an output, the result would be in the history of each of them.
        output={},
        then=then,
    )


def poll(api: str, arguments: Any, *, then: str, assign: Mapping[str, Any], fails: str) -> State:
    """A read in a loop. If it fails, the loop continues until its own time limit, in ``fails``."""
    return call(
        api,
        arguments,
        assign={**assign, "unread": False},
        then=then,
        fails=report(fails, unread=True),
        attempts=FEW_ATTEMPTS,
    )


def failure(then: str, error: str, cause: str) -> State:
    """The release fails: keep the error, and its cause, which is an expression."""
    return set_variables(then, error=f"'{error}'", cause=cause)


def count_wait(counter: str, *, then: str, seconds: int) -> State:
    """Wait, and add the seconds to the counter."""
    return wait(seconds, then=then, assign={counter: jsonata(f"${counter} + {seconds}")})


def count_longer_waits(counter: str, *, then: str, first: int, until: int, later: int) -> State:
    """Wait ``first`` seconds until the counter is at ``until``, then ``later`` seconds; add them to the counter."""
    seconds = f"(${counter} < {until} ? {first} : {later})"
    return wait(jsonata(seconds), then=then, assign={counter: jsonata(f"${counter} + {seconds}")})

"""Building blocks of state machines: calls of AWS APIs, decisions, waits.

Expressions are JSONata: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from typing import Any

State = dict[str, Any]
States = dict[str, State]

REDRIVES = "($exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0)"
"""How often the execution was redriven:
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html"""

# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html, and for the optimized integration
# of DynamoDB https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html
_ERROR_PREFIXES = {"dynamodb": "DynamoDB", "codepipeline": "CodePipeline"}
_MORE_ERRORS = [
    "DynamoDB.AmazonDynamoDBException",
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "Ssm.InternalServerErrorException",
]

SERVICES = "arn:${Partition}:states:::"
"""Start of the ARN of a task's API. The definition's text is the same everywhere; CloudFormation substitutes what is
in braces: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
"""

_TOLD = {"error": "{% $states.errorOutput.Error %}", "cause": "{% $states.errorOutput.Cause %}"}


def task(
    api: str,
    arguments: Any,
    *,
    then: str,
    assign: State | None = None,
    catch: dict[str, str] | None = None,
    fails: str = "Failed",
    keeps_error: bool = False,
    unread: bool = False,
    attempts: int = 40,
    longest_delay: int = 30,
) -> State:
    """One call of an AWS API, which is tried again for minutes when it is throttled.

    What fails for good goes to ``fails``; ``catch`` maps other errors to a next step. ``keeps_error``: the release has
    failed for another reason already, which stays the one that is told. ``unread``: a poll, whose failure says nothing
    about the service; the variable ``unread`` tells.
    """
    service = api.split(":")[-2]
    errors = _ERROR_PREFIXES.get(service, service.capitalize())
    # Throttling has no error name of its own in most services, so the services' general error is retried too.
    throttled = [f"{errors}.ThrottlingException", f"{errors}.{errors}Exception"]
    if service == "ssm":
        throttled.append("Ssm.TooManyUpdatesException")
    told: State = {} if keeps_error else {**_TOLD, **({"unread": True} if unread else {})}
    return {
        "Type": "Task",
        "Resource": f"{SERVICES}{api}",
        "Arguments": arguments,
        "Retry": [
            {
                "ErrorEquals": throttled,
                "IntervalSeconds": 2,
                "BackoffRate": 2,
                "MaxAttempts": attempts,
                "MaxDelaySeconds": longest_delay,
                "JitterStrategy": "FULL",
            },
            {
                "ErrorEquals": [f"{errors}.SdkClientException", f"{errors}.ServerException", *_MORE_ERRORS],
                "IntervalSeconds": 2,
                "BackoffRate": 2,
                "MaxAttempts": 6,
                "MaxDelaySeconds": 20,
                "JitterStrategy": "FULL",
            },
        ],
        "Catch": [
            *({"ErrorEquals": [error], "Next": state} for error, state in (catch or {}).items()),
            {"ErrorEquals": ["States.ALL"], "Next": fails, **({"Assign": told} if told else {})},
        ],
        **({"Assign": {**(assign or {}), **({"unread": False} if unread else {})}} if assign or unread else {}),
        # What the steps need is in variables; the history would repeat a result in every step up to the next one.
        "Output": {},
        "Next": then,
    }


def poll(api: str, arguments: Any, *, then: str, assign: State, fails: str, keeps_error: bool = False) -> State:
    """A read in a loop: when it fails, the loop goes on until its own limit."""
    return task(
        api,
        arguments,
        then=then,
        assign=assign,
        fails=fails,
        keeps_error=keeps_error,
        unread=not keeps_error,
        attempts=6,
    )


def choice(*rules: tuple[str, str], otherwise: str) -> State:
    """The first rule that holds decides."""
    return {
        "Type": "Choice",
        "Choices": [{"Condition": f"{{% {condition} %}}", "Next": state} for condition, state in rules],
        "Default": otherwise,
    }


def wait(counter: str, *, then: str, seconds: int) -> State:
    """Wait, and count the seconds."""
    return {"Type": "Wait", "Seconds": seconds, "Assign": {counter: f"{{% ${counter} + {seconds} %}}"}, "Next": then}


def wait_longer(counter: str, *, then: str, first: int, until: int, later: int) -> State:
    """Wait ``first`` seconds until ``until`` have passed, then ``later`` seconds; count them."""
    seconds = f"(${counter} < {until} ? {first} : {later})"
    return {
        "Type": "Wait",
        "Seconds": f"{{% {seconds} %}}",
        "Assign": {counter: f"{{% ${counter} + {seconds} %}}"},
        "Next": then,
    }


def put(then: str, **values: str) -> State:
    """Assign variables."""
    return {"Type": "Pass", "Assign": {name: f"{{% {value} %}}" for name, value in values.items()}, "Next": then}


def fenced(expression: str) -> str:
    """An argument of a call that writes: its value, unless the execution was redriven since it last saw that it holds
    the lock. A redriven execution goes on with the very call that was interrupted, when another may hold the lock.
    """
    message = "this execution was redriven: start a new release"
    return f"{{% ($assert($fence = {REDRIVES}, '{message}'); {expression}) %}}"

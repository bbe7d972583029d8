"""What the subcommands that talk to AWS have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MOST_AT_ONCE = 16
"""Calls that threads may make at once with one client."""

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=MOST_AT_ONCE,
    retries={"max_attempts": 5, "mode": "standard"},
)


class OperationError(Exception):
    """Ends a subcommand; the text is one line for the user."""


def client(service: str, *, session: boto3.Session | None = None, region: str | None = None) -> Any:
    """A boto3 client.

    Args:
        service: Name of the AWS service, such as ``ssm``.
        session: The session with the credentials. Default: those of the environment.
        region: Default: that of the session.
    """
    return (session or boto3).client(
        service,  # type: ignore[call-overload]  # any service, not one of the typed ones
        region_name=region,
        config=_CONFIG,
    )


def explained(function: Callable[..., int]) -> Callable[..., int]:
    """Turns errors of AWS into one line."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> int:
        try:
            return function(*arguments, **options)
        except ClientError as error:
            found = error.response["Error"]
            raise OperationError(f"{error.operation_name}: {found.get('Code')}: {found.get('Message')}") from error
        except BotoCoreError as error:
            raise OperationError(str(error)) from error

    return call

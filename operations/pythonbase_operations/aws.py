"""What the subcommands that talk to AWS have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_CONFIG = Config(retries={"max_attempts": 5, "mode": "standard"})


class OperationError(Exception):
    """Ends a subcommand; the text is one line for the user."""


def client(service: str) -> Any:
    """A boto3 client with the credentials and the Region of the environment."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]  # one name for all services


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

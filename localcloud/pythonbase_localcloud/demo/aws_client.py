"""boto3 clients for an instance of the local cloud."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from pythonbase_localcloud.instance import SECRET_ACCESS_KEY, Instance


@cache
def session(*, account: str, region: str) -> boto3.Session:
    """A session with the account's root credentials: in the local cloud the access key id is the account id.

    One for all: reading the API models takes longer than most calls.
    """
    return boto3.Session(aws_access_key_id=account, aws_secret_access_key=SECRET_ACCESS_KEY, region_name=region)


def client(instance: Instance, service: Any, *, account: str, region: str) -> Any:
    """A client of one AWS service."""
    return session(account=account, region=region).client(
        service,
        endpoint_url=instance.endpoint_url,
        verify=str(instance.ca_bundle),
        config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}),
    )

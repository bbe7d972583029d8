"""The connection to Bitbucket, read once for the checks that need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pythonbase_operations.doctor.aws import Aws, code_of
from pythonbase_operations.doctor.declared import Platform

AVAILABLE, PENDING, ERROR = "AVAILABLE", "PENDING", "ERROR"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A connection that exists: its name and its status."""

    name: str
    status: str


def find(aws: Aws, platform: Platform) -> Connection | None:
    """The connection of the configuration; None if there is none."""
    return aws.once("connection", lambda: _read(aws, platform))


def _read(aws: Aws, platform: Platform) -> Connection | None:
    if platform.connection_arn:
        try:
            found = aws.client("codeconnections").get_connection(ConnectionArn=platform.connection_arn)["Connection"]
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return None
            raise
        return Connection(name=found["ConnectionName"], status=found["ConnectionStatus"])
    return next((item for item in _connections(aws) if item.name == platform.connection_name), None)


def _connections(aws: Aws) -> Iterator[Connection]:
    """All connections to Bitbucket. boto3 has no paginator for them."""
    more: dict[str, str] = {}
    while True:
        page = aws.client("codeconnections").list_connections(ProviderTypeFilter="Bitbucket", **more)
        for item in page.get("Connections") or []:
            yield Connection(name=item["ConnectionName"], status=item["ConnectionStatus"])
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}

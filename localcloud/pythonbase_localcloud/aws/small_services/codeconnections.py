"""CodeConnections, under its present and its former name (CodeStar Connections).

A connection is created PENDING and does nothing until somebody finishes the handshake in the console; here
``POST /_localcloud/connections/<arn>/authorize`` stands for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import scope, store
from pythonbase_localcloud.aws.cloudformation.types import Properties, Resource, register
from pythonbase_localcloud.aws.json_service import ApiError
from pythonbase_localcloud.aws.json_service import register as register_service

_SERVICES = {
    "codeconnections": ("com.amazonaws.codeconnections.", "AWS::CodeConnections::Connection"),
    "codestar-connections": ("com.amazonaws.codestar.connections.", "AWS::CodeStarConnections::Connection"),
}
_connections = store.scoped_store("codeconnections", "connections")


class ConnectionUnavailableError(Exception):
    """A source cannot be read over the connection."""


def connection(arn: str) -> dict[str, Any] | None:
    """The connection's record; an ARN of either service names it."""
    identifier = arn.rsplit("/", 1)[-1]
    return next(
        (record for record in _connections.values() if record["ConnectionArn"].endswith(f"/{identifier}")), None
    )


def require_available(arn: str) -> None:
    """Raise `ConnectionUnavailableError` unless the connection exists and its handshake is done."""
    record = connection(arn)
    if record is None:
        raise ConnectionUnavailableError(f"[Bitbucket] Could not find connection with ARN: {arn}")
    if record["ConnectionStatus"] != "AVAILABLE":
        raise ConnectionUnavailableError(
            f"[Bitbucket] Connection {arn} is not available: its status is {record['ConnectionStatus']}. Complete the "
            "connection in the console: Developer Tools, Settings, Connections, Update pending connection"
        )


def set_status(arn: str, status: str) -> Mapping[str, Any]:
    """``AVAILABLE`` is the handshake of the console, ``PENDING`` the time before it.

    Raises `KeyError` when there is no such connection in any account.
    """
    for record in _connections.all_values():
        if record["ConnectionArn"] == arn:
            record["ConnectionStatus"] = status
            return {"ConnectionArn": arn, "ConnectionStatus": status}
    raise KeyError(arn)


def _create(service: str, members: Properties) -> dict[str, Any]:
    arn = f"arn:aws:{service}:{scope.region()}:{scope.account()}:connection/{uuid4()}"
    name = str(members["ConnectionName"])
    if any(record["ConnectionName"] == name for record in _connections.values()):
        raise ApiError("LimitExceededException", f"a connection named {name} exists already")
    _connections[arn] = {
        "ConnectionName": name,
        "ConnectionArn": arn,
        "ProviderType": members.get("ProviderType") or "Bitbucket",
        "OwnerAccountId": scope.account(),
        "ConnectionStatus": "PENDING",
        "_tags": list(members.get("Tags") or []),
    }
    record: dict[str, Any] = _connections[arn]
    return record


def _find(members: Properties, member: str = "ConnectionArn") -> dict[str, Any]:
    record = _connections.get(str(members.get(member)))
    if record is None:
        raise ApiError("ResourceNotFoundException", f"Resource Connection [{members.get(member)}] not found")
    return dict(record)


def _public(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if not key.startswith("_")}


def _tag(members: Properties) -> dict[str, Any]:
    _find(members, "ResourceArn")
    record = _connections[members["ResourceArn"]]
    added = {tag["Key"] for tag in members["Tags"]}
    record["_tags"] = [tag for tag in record["_tags"] if tag["Key"] not in added] + list(members["Tags"])
    return {}


def _untag(members: Properties) -> dict[str, Any]:
    _find(members, "ResourceArn")
    record = _connections[members["ResourceArn"]]
    record["_tags"] = [tag for tag in record["_tags"] if tag["Key"] not in members["TagKeys"]]
    return {}


def _delete(members: Properties) -> dict[str, Any]:
    _connections.pop(_find(members)["ConnectionArn"], None)
    return {}


def _register_type(service: str, name: str) -> None:
    def resource(arn: str) -> Resource:
        record = _connections[arn]
        return Resource(
            arn,
            {
                "ConnectionArn": arn,
                "ConnectionStatus": record["ConnectionStatus"],
                "OwnerAccountId": record["OwnerAccountId"],
            },
        )

    def create(logical_id: str, properties: Properties, stack: str) -> Resource:
        del logical_id, stack
        return resource(_create(service, properties)["ConnectionArn"])

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
        if {**old, "Tags": None} != {**new, "Tags": None}:  # every other property replaces the connection
            return create(logical_id, new, stack)
        _connections[physical_id]["_tags"] = list(new.get("Tags") or [])
        return resource(physical_id)

    register(name, create=create, update=update, delete=lambda physical_id, _: _connections.pop(physical_id, None))


def install() -> None:
    """Register both services and both resource types."""
    for service, (prefix, type_name) in _SERVICES.items():

        def create(members: Properties, service: str = service) -> dict[str, Any]:
            return {"ConnectionArn": _create(service, members)["ConnectionArn"], "Tags": members.get("Tags") or []}

        def list_connections(members: Properties) -> dict[str, Any]:
            wanted = members.get("ProviderTypeFilter")
            return {
                "Connections": [
                    _public(record)
                    for record in _connections.values()
                    if not wanted or record["ProviderType"] == wanted
                ]
            }

        register_service(
            service,
            target_prefix=prefix,
            operations={
                "CreateConnection": create,
                "GetConnection": lambda members: {"Connection": _public(_find(members))},
                "ListConnections": list_connections,
                "DeleteConnection": _delete,
                "ListTagsForResource": lambda members: {"Tags": _find(members, "ResourceArn")["_tags"]},
                "TagResource": _tag,
                "UntagResource": _untag,
            },
        )
        _register_type(service, type_name)

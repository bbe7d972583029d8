"""Registers resource types with MiniStack's CloudFormation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from pythonbase_localcloud.aws import seams

Properties = Mapping[str, Any]


class Resource(NamedTuple):
    """Physical id (what ``Ref`` gives) and attributes (``Fn::GetAtt``)."""

    physical_id: str
    attributes: Mapping[str, Any]


Create = Callable[[str, Properties, str], Resource]
"""(logical id, properties, stack name)"""
Update = Callable[[str, Properties, Properties, str, str], Resource]
"""(physical id, old properties, new properties, stack name, logical id)"""
Delete = Callable[[str, Properties], None]


def register(name: str, *, create: Create, delete: Delete, update: Update | None = None) -> None:
    """Add a type. Without `update`, a change replaces: the new resource is made first, then the old one deleted."""

    def replace(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
        del physical_id, old
        return create(logical_id, new, stack)

    seams.provisioners._RESOURCE_HANDLERS[name] = {
        "create": create,
        "update": update or replace,
        "update_with_logical_id": True,
        "delete": delete,
    }


def amend(name: str, after: Callable[[str, Properties], Mapping[str, Any] | None]) -> None:
    """Call `after` (physical id, properties) behind the type's create and update; it may return more attributes."""
    handler = seams.provisioners._RESOURCE_HANDLERS[name]

    def amended(verb: str, properties_index: int) -> None:
        original = handler.get(verb)
        if original is None:
            return

        def call(*arguments: Any, **options: Any) -> tuple[str, Mapping[str, Any]]:
            physical_id, attributes = original(*arguments, **options)
            return physical_id, {**attributes, **(after(physical_id, arguments[properties_index]) or {})}

        handler[verb] = call

    amended("create", 1)
    amended("update", 2)


def new_id(prefix: str) -> str:
    """An id as EC2 makes them: ``nat-0123456789abcdef0``."""
    return f"{prefix}-{uuid4().hex[:17]}"


def as_bool(value: Any) -> bool:
    """Templates carry booleans as such or as text."""
    return str(value).lower() == "true"


def camel(value: Any) -> Any:
    """PascalCase member names of a template as the API's camelCase, recursively."""
    return seams.provisioners._pascal_to_camel(value)

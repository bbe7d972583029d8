"""``Ref`` of a secret is its ARN on AWS; MiniStack gives the name, which breaks every ``ecs.Secret``."""

from __future__ import annotations

import re
from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties


def _name(physical_id: str) -> str:
    """MiniStack's handlers know secrets by name."""
    if not physical_id.startswith("arn:"):
        return physical_id
    return re.sub(r"-[0-9A-Za-z]{6}$", "", physical_id.split(":secret:", 1)[1])


def install() -> None:
    """Repair the type."""
    handler = seams.provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def create_secret(logical_id: str, properties: Properties, stack: str) -> Any:
        _, attributes = create(logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update_secret(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Any:
        _, attributes = update(_name(physical_id), old, new, stack, logical_id)
        return attributes["Arn"], attributes

    handler.update(
        create=create_secret,
        update=update_secret,
        delete=lambda physical_id, properties: delete(_name(physical_id), properties),
    )

"""Images in Kubernetes manifests that a template contains as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pythonbase.docker_hub_check.holes import HOLE

_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})
_STRING_OR_HOLE = re.compile(rf'"(?:[^"\\]|\\.)*"|({HOLE.pattern})', re.DOTALL)


def images(manifest: str) -> Iterator[str]:
    """The image of each container of each object, at any depth: pods, deployments, cron jobs, lists.

    Args:
        manifest: JSON with holes.

    Raises:
        ValueError: if it is not JSON of objects.
    """
    # A number that is known only at deployment, such as a port, is a hole without quotes.
    quoted = _STRING_OR_HOLE.sub(lambda match: f'"{match[1]}"' if match[1] else match[0], manifest)
    objects = json.loads(quoted, strict=False)
    if isinstance(objects, str):
        raise ValueError("a manifest is an object or a list of them")
    yield from _images(objects)


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _images(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _CONTAINERS:
                yield from _of_containers(item)
            elif key == "image" and isinstance(item, dict):  # a volume that is an image
                yield from _text(item.get("reference"))
            else:
                yield from _images(item)


def _of_containers(containers: Any) -> Iterator[str]:
    for container in containers if isinstance(containers, list) else [containers]:
        # A hole can replace one container or the whole list.
        yield from _text(container.get("image") if isinstance(container, dict) else container)


def _text(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value

"""What a service build may pull: the BuildKit source policy."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_HUB = "docker.io"
# Names of Docker Hub that BuildKit does not turn into docker.io; it does so with index.docker.io:
# https://github.com/distribution/reference/blob/main/normalize.go
_OTHER_HUBS = ("registry-1.docker.io", "registry.hub.docker.com")
_HOSTS = (_HUB, f"index.{_HUB}", *_OTHER_HUBS)
# The parts of a reference: https://docs.docker.com/reference/cli/docker/image/tag/
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_IMAGE = re.compile(rf"(?P<name>{_PART}(?:/{_PART})*)(?::(?P<tag>[A-Za-z0-9_*][A-Za-z0-9_.*-]*))?")


@dataclass(frozen=True)
class SourcePolicy:
    """Rules for BuildKit, which applies them to every source of a build: ``FROM``, ``COPY --from``, ``# syntax=``.

    Args:
        stands_in_for: Docker Hub images that the base image replaces, such as ``python:3.13`` or ``python:3.13*``.
            Without a tag: ``latest``. Every other reference to Docker Hub is refused.

    Raises:
        ValueError: if an entry is not a reference of an image on Docker Hub.
    """

    stands_in_for: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        for reference in self.stands_in_for:
            if not _canonical(reference):
                raise ValueError(f"stands_in_for takes Docker Hub images such as python:3.13-slim, got {reference!r}")

    def to_json(self) -> str:
        """The policy as one line of JSON, in which a build replaces ``BASE_IMAGE`` by its pinned base image."""
        rules = [
            {
                "action": "CONVERT",
                "selector": _selector(_HUB, str(_canonical(reference))),
                "updates": {"identifier": "docker-image://BASE_IMAGE"},
            }
            for reference in self.stands_in_for
        ]
        rules += [{"action": "DENY", "selector": _selector(host, "*")} for host in (_HUB, *_OTHER_HUBS)]
        return json.dumps({"rules": rules}, separators=(",", ":"))


def _selector(host: str, image: str) -> dict[str, str]:
    return {"identifier": f"docker-image://{host}/{image}", "matchType": "WILDCARD"}


def _canonical(reference: str) -> str | None:
    """What BuildKit compares: ``python`` is ``library/python:latest``. None: no image on Docker Hub."""
    host, slash, rest = reference.partition("/")
    with_host = bool(slash) and host in _HOSTS
    match = _IMAGE.fullmatch(rest if with_host else reference)
    if not match or (slash and not with_host and ("." in host or host == "localhost")):
        return None
    name = match["name"] if "/" in match["name"] else f"library/{match['name']}"
    return f"{name}:{match['tag'] or 'latest'}"

"""Which images the stand-in has from the start."""

from __future__ import annotations

from pathlib import Path

from pythonbase_localcloud.docker_hub.names import API_HOST
from pythonbase_localcloud.images import upstream

PYTHON = "library/python"

_IMAGES = {
    PYTHON: ("3.13-slim", "3.13", "3.13-slim-trixie", "3.12-slim", "3.12", "3", "slim", "latest"),
    "library/busybox": ("1", "latest"),
    "library/nginx": ("1.29", "latest"),
    "library/node": ("22", "latest"),
    "library/redis": ("7", "latest"),
    "bitnami/redis": ("7", "latest"),
}


def holds(repository: str, tag: str, record: Path) -> bool:
    """Whether the image is one of these, or one that platform.yaml names as an upstream image (`record`)."""
    if tag in _IMAGES.get(repository, ()):
        return True
    listed = upstream.Record(record).references
    return any(
        reference.api_host == API_HOST and (reference.name, reference.version) == (repository, tag)
        for reference in map(upstream.Reference.parse, listed)
    )

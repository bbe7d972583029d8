"""Which images the stand-in has from the start."""

from __future__ import annotations

from pathlib import Path

from pythonbase_localcloud.docker_hub.names import API_HOST, ECR_PUBLIC_HOST
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


_MIRROR = f"{ECR_PUBLIC_HOST}/docker/"


def _name(repository: str) -> str:
    """The repository on Docker Hub; ECR Public mirrors the official ones."""
    mirrored = repository.removeprefix(_MIRROR)
    return mirrored if mirrored.startswith("library/") else repository


def repository_of(reference: upstream.Reference) -> str:
    """Where the registry keeps the image: Docker Hub's under their names, others below the name of their host."""
    return reference.name if reference.api_host == API_HOST else f"{reference.api_host}/{reference.name}"


def is_python(repository: str) -> bool:
    """Whether the whole Python image stands behind this repository; it does behind all of other registries."""
    name = _name(repository)
    return name == PYTHON or (name not in _IMAGES and "." in name.partition("/")[0])


def holds(repository: str, tag: str, record: Path) -> bool:
    """Whether the image is one of these, or one that platform.yaml names as an upstream image (`record`)."""
    if tag in _IMAGES.get(_name(repository), ()):
        return True
    listed = map(upstream.Reference.parse, upstream.Record(record).references)
    return (repository, tag) in [(repository_of(reference), reference.version) for reference in listed]

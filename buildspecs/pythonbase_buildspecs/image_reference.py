"""Image references as Docker reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

DOCKER_HUB = "docker.io"

_OFFICIAL = "library/"
_KNOWN = (DOCKER_HUB, f"index.{DOCKER_HUB}")
HUB_HOSTS = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
"""Hosts that serve Docker Hub. Docker itself normalizes only index.docker.io to docker.io."""

# The grammar: https://github.com/distribution/reference/blob/main/reference.go
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_IMAGE_ID = re.compile(r"[a-f0-9]{64}")
_LONGEST_NAME = 255


@dataclass(frozen=True)
class ImageReference:
    """An image in a registry, normalized as Docker does it: ``python`` is ``docker.io/library/python``.

    Args:
        registry: Host, with its port if there is one. ``docker.io`` for every spelling of Docker Hub.
        repository: Path in the registry, such as ``library/python``.
        tag: The tag, or None.
        digest: Algorithm and hex digits, such as ``sha256:…``, or None.
        is_known_to_docker: Whether Docker itself reads the registry the same way. False for other hosts of Docker Hub
            and for a port or capitals in the host: Docker treats each of them as a separate registry.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None
    is_known_to_docker: bool = field(default=True, compare=False)

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Parse a reference. No default tag is added: without a tag, ``tag`` is None.

        Raises:
            ValueError: if Docker would not accept it as a reference.
        """
        rest, at, digest = text.partition("@")
        name, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:  # no colon, or the colon of a port
            name, tag = rest, ""
        registry, repository = _split(name)
        well_formed = (
            _HOST.fullmatch(registry)
            and _REPOSITORY.fullmatch(repository)
            and len(name) <= _LONGEST_NAME
            and (_TAG.fullmatch(tag) if name != rest else True)
            and (_DIGEST.fullmatch(digest) if at else True)
            and not _IMAGE_ID.fullmatch(text)
        )
        if not well_formed:
            raise ValueError(f"an image reference is [registry/]repository[:tag][@digest], got {text!r}")
        host, slash, _ = name.partition("/")
        known = host in _KNOWN or not slash or not _is_hub(host)
        return cls(registry, repository, tag or None, digest or None, is_known_to_docker=known)

    @property
    def is_docker_hub(self) -> bool:
        """Whether it is pulled from Docker Hub, which counts pulls."""
        return self.registry == DOCKER_HUB

    @property
    def is_official(self) -> bool:
        """Whether it is a Docker Official Image, which ECR Public mirrors."""
        return self.is_docker_hub and self.repository.startswith(_OFFICIAL)

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def canonical(self) -> str:
        """The full form, with the tag ``latest`` if there is neither tag nor digest."""
        tag = self.tag or (None if self.digest else "latest")
        return self.name + (f":{tag}" if tag else "") + (f"@{self.digest}" if self.digest else "")


def _split(name: str) -> tuple[str, str]:
    """Registry and repository of a name without tag and digest."""
    first, slash, rest = name.partition("/")
    # Docker reads the first part as a host if it has a dot, a port or a capital, or is localhost.
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        registry, repository = first, rest
    else:
        registry, repository = DOCKER_HUB, name
    if _is_hub(registry):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and repository and "/" not in repository:
        repository = _OFFICIAL + repository
    return registry, repository


def _is_hub(host: str) -> bool:
    return host.lower().removesuffix(":443") in HUB_HOSTS

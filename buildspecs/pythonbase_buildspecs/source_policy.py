"""What a service build may pull: the BuildKit source policy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pythonbase_buildspecs.image_reference import DOCKER_HUB, HUB_HOSTS, ImageReference

ECR_PUBLIC_MIRROR = "public.ecr.aws/docker"
"""Where ECR Public mirrors the Docker Official Images: ``library/…`` below it.

https://docs.aws.amazon.com/AmazonECR/latest/public/docker-official-images.html
"""

BASE_IMAGE, PULL_THROUGH_CACHE = "BASE_IMAGE", "PULL_THROUGH_CACHE"
"""The build replaces these: with its pinned base image, and with registry and prefix of the pull-through cache."""

# BuildKit treats these names of Docker Hub as separate registries, and every name with a port:
# https://github.com/distribution/reference/blob/main/normalize.go. Names with capitals too, which no list of patterns
# can cover (and its regular expressions match nothing in Docker 26): a service's build host resolves them to 0.0.0.0.
_DENY = [
    {"action": "DENY", "selector": {"identifier": f"docker-image://{host}{rest}", "matchType": "WILDCARD"}}
    for host in sorted(HUB_HOSTS)
    for rest in ("/*", ":443/*")
]
_UPSTREAM = "UPSTREAM"
_FRONTENDS = ("docker/dockerfile", "docker/dockerfile-upstream")


class Mirror(StrEnum):
    """Where a build gets Docker Hub images that no base image replaces."""

    DENY = "deny"
    """From nowhere: the build fails."""
    ECR_PUBLIC = "ecr-public"
    """From ECR Public, which has the Docker Official Images only."""
    PULL_THROUGH_CACHE = "pull-through-cache"
    """From a pull-through cache in the account's own ECR."""


class Outcome(StrEnum):
    """What the policy does with a reference."""

    ALLOWED = "allowed"
    """It is pulled as it is, because it is not on Docker Hub."""
    BASE_IMAGE = "base image"
    """The base image replaces it."""
    MIRRORED = "mirrored"
    """It comes from a mirror."""
    OWN_FRONTEND = "own frontend"
    """Not needed: it is Docker's Dockerfile frontend, and the builder has one of its own."""
    REFUSED = "refused"
    """The build fails."""


@dataclass(frozen=True)
class Decision:
    """What the policy does with a reference, and what is pulled instead: None if it is refused or pulled as it is."""

    outcome: Outcome
    instead: str | None = None


@dataclass(frozen=True)
class SourcePolicy:
    """Rules for BuildKit, which applies them to every source of a build: ``FROM``, ``COPY --from``, ``# syntax=``.

    Args:
        stands_in_for: Docker Hub images that the base image replaces, such as ``python:3.13`` or ``python:3.13*``,
            with and without a digest. Without a tag: ``latest``. Default: none.
        official_images: Where other Docker Official Images come from. Default: ECR Public's mirror.
        other_images: Where the rest of Docker Hub comes from. Default: nowhere, the build fails.

    Raises:
        ValueError: if an entry is not a reference of an image on Docker Hub, the mirror does not have the images, or
            ``other_images`` has a mirror and ``official_images`` has none.
    """

    stands_in_for: Sequence[str] = field(default=())
    official_images: Mirror = Mirror.ECR_PUBLIC
    other_images: Mirror = Mirror.DENY

    def __post_init__(self) -> None:
        for pattern in self.stands_in_for:
            if _canonical(pattern) is None:
                raise ValueError(f"stands_in_for takes Docker Hub images such as python:3.13-slim, got {pattern!r}")
        if self.other_images is Mirror.ECR_PUBLIC:
            raise ValueError("other_images cannot come from ECR Public, which has the Docker Official Images only")
        if self.official_images is Mirror.DENY and self.other_images is not Mirror.DENY:
            raise ValueError("official_images must have a mirror when other_images have one")

    @property
    def uses_pull_through_cache(self) -> bool:
        """Whether builds pull through the cache in the account's ECR."""
        return Mirror.PULL_THROUGH_CACHE in (self.official_images, self.other_images)

    def to_json(self) -> str:
        """The policy as one line of JSON, in which a build replaces ``BASE_IMAGE`` and ``PULL_THROUGH_CACHE``."""
        rules = [_convert(pattern, instead) for pattern, instead in self._conversions()]
        return _to_json([*rules, *_DENY])

    @property
    def uses_own_frontend(self) -> bool:
        """Whether ``# syntax=docker/dockerfile`` is built with the builder's own frontend: nothing mirrors Docker's."""
        return self.other_images is Mirror.DENY

    def decide_frontend(self, reference: ImageReference) -> Decision:
        """What a build does with the image that a line ``# syntax=`` names."""
        is_dockers = reference.is_docker_hub and reference.is_known_to_docker and reference.repository in _FRONTENDS
        return Decision(Outcome.OWN_FRONTEND) if is_dockers and self.uses_own_frontend else self.decide(reference)

    def decide(self, reference: ImageReference) -> Decision:
        """What BuildKit does with a reference; ``instead`` may contain ``BASE_IMAGE`` or ``PULL_THROUGH_CACHE``."""
        if not reference.is_docker_hub:
            return Decision(Outcome.ALLOWED)
        if not reference.is_known_to_docker:  # the rules convert only docker.io
            return Decision(Outcome.REFUSED)
        text = reference.canonical.removeprefix(f"{DOCKER_HUB}/")
        for pattern, instead in self._conversions():
            match = re.fullmatch(re.escape(pattern).replace(r"\*", "(.*)"), text)
            if match:
                outcome = Outcome.BASE_IMAGE if instead == BASE_IMAGE else Outcome.MIRRORED
                return Decision(outcome, instead.replace("${1}", match[1]) if "${1}" in instead else instead)
        return Decision(Outcome.REFUSED)

    def _conversions(self) -> Iterator[tuple[str, str]]:
        """Patterns of Docker Hub images, and what is pulled instead; the first match applies."""
        for pattern in self.stands_in_for:
            name = str(_canonical(pattern))
            yield name, BASE_IMAGE
            if not name.endswith("*"):
                yield f"{name}@*", BASE_IMAGE
        # The second pattern also matches official images: __post_init__ ensures that the first has matched them before.
        for pattern, mirror in (("library/*", self.official_images), ("*", self.other_images)):
            rest = pattern.replace("*", "${1}")
            if mirror is Mirror.ECR_PUBLIC:
                yield pattern, f"{ECR_PUBLIC_MIRROR}/{rest}"
            elif mirror is Mirror.PULL_THROUGH_CACHE:
                yield pattern, f"{PULL_THROUGH_CACHE}/{rest}"


def base_image_policy() -> str:
    """The policy of a base image's build as one line of JSON: from Docker Hub, only its upstream image.

    The build replaces ``UPSTREAM`` with the pinned reference. If several DENY and ALLOW rules match, the last applies.
    """
    allow = {"action": "ALLOW", "selector": {"identifier": f"docker-image://{_UPSTREAM}", "matchType": "EXACT"}}
    return _to_json([*_DENY, allow])


def _to_json(rules: Sequence[Mapping[str, object]]) -> str:
    return json.dumps({"rules": rules}, separators=(",", ":"))


def _convert(pattern: str, instead: str) -> dict[str, object]:
    return {
        "action": "CONVERT",
        "selector": {"identifier": f"docker-image://{DOCKER_HUB}/{pattern}", "matchType": "WILDCARD"},
        "updates": {"identifier": f"docker-image://{instead}"},
    }


def _canonical(pattern: str) -> str | None:
    """What BuildKit compares: ``python`` is ``library/python:latest``. None if it is not an image on Docker Hub."""
    try:
        # A reference cannot contain a wildcard, so parse a letter in its place.
        reference = ImageReference.parse(pattern.replace("*", "x"))
    except ValueError:
        return None
    name, colon, tag = pattern.rpartition(":")
    if not reference.is_docker_hub or reference.digest or "*" in (name if colon else pattern):
        return None
    return f"{reference.repository}:{tag if colon else 'latest'}"

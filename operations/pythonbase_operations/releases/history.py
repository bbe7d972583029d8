"""The releases of a service, from the versions of their SSM parameter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pythonbase_operations.names import Names


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release.

    Attributes:
        version: the version of the SSM parameter; higher is later.
        when: when it was recorded.
        image: ``<repository>@<digest>``; the base image with its tag before the first release.
        base_image: the base image that it was built on.
        commit: the commit that it was built from.
        by: author of the commit, or caller of the rollback.
        why: the pipeline's execution, or the reason of a rollback.
    """

    version: int
    when: datetime
    image: str
    base_image: str
    commit: str
    by: str
    why: str

    @property
    def digest(self) -> str:
        """The digest of the image; empty before the first release."""
        return self.image.partition("@")[2]

    @property
    def repository_uri(self) -> str:
        """The repository of the image."""
        return self.image.partition("@")[0]


def releases(ssm: Any, names: Names) -> list[Release]:
    """All releases that SSM keeps, the newest first.

    A release writes its description before it records its image. If it fails in between, the service is rolled back,
    and the description has no record: it is not a release.
    """
    described = [_release(version) for version in _versions(ssm, names.release_parameter)]
    recorded = _versions(ssm, names.image_parameter)
    ends = [*(later.when for later in described[1:]), datetime.max.replace(tzinfo=UTC)]
    return [
        release
        for release, end in reversed(list(zip(described, ends, strict=True)))
        # CloudFormation creates both parameters, in any order, with the base image.
        if not release.digest
        or any(
            version["Value"] == release.image and release.when <= version["LastModifiedDate"] < end
            for version in recorded
        )
    ]


def _versions(ssm: Any, parameter: str) -> list[dict[str, Any]]:
    """All versions of a parameter that SSM keeps, the oldest first."""
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=parameter)
    return sorted((version for page in pages for version in page["Parameters"]), key=lambda version: version["Version"])


def _release(version: dict[str, Any]) -> Release:
    try:
        described = json.loads(version["Value"])
    except ValueError:
        described = {}
    if not isinstance(described, dict):
        described = {}
    return Release(
        version=int(version["Version"]),
        when=version["LastModifiedDate"],
        image=str(described.get("image", "")),
        base_image=str(described.get("baseImage", "")),
        commit=str(described.get("commit", "")),
        by=str(described.get("by", "")),
        why=str(described.get("why", "")),
    )


def kept_digests(ecr: Any, repository_uri: str, digests: list[str]) -> set[str]:
    """The digests whose image is still in the repository."""
    account, repository = repository_uri.split(".", 1)[0], repository_uri.partition("/")[2]
    kept: set[str] = set()
    for start in range(0, len(digests), 100):
        asked = [{"imageDigest": digest} for digest in digests[start : start + 100]]
        found = ecr.batch_get_image(registryId=account, repositoryName=repository, imageIds=asked)
        kept |= {image["imageId"]["imageDigest"] for image in found["images"]}
    return kept

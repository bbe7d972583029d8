"""Images of a repository: which digests it holds and which tags name them.

The records live in MiniStack's store, so that its other operations (DeleteRepository, CloudFormation) see them; the
manifests are blobs.
"""

from __future__ import annotations

import fnmatch
import json
import time
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.eventbridge import events
from pythonbase_localcloud.aws.json_service import ApiError

from .blobs import BlobStore, digest_of

DEFAULT_MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
Record = dict[str, Any]


class TagImmutableError(Exception):
    """The tag exists and may not be moved."""

    def __init__(self, repository: str, tag: str) -> None:
        super().__init__(
            f"The image tag '{tag}' already exists in the '{repository}' repository and cannot be "
            "overwritten because the repository is immutable."
        )


class Images:
    """The images of every repository of the current account and region."""

    def __init__(self, blobs: BlobStore) -> None:
        self.blobs = blobs

    @staticmethod
    def storage_name(repository: str) -> str:
        """Where the repository's blobs are linked."""
        return f"{scope.account()}/{scope.region()}/{repository}"

    @staticmethod
    def repository(name: str) -> Mapping[str, Any]:
        """The repository's record; raises ECR's RepositoryNotFoundException."""
        record: Mapping[str, Any] | None = seams.ecr._repositories.get(name)
        if record is None:
            raise ApiError(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry with id '{scope.account()}'",
            )
        return record

    def all(self, name: str) -> list[Record]:
        """The image records, oldest first."""
        self.repository(name)
        records: list[Record] = seams.ecr._images.setdefault(name, [])
        return records

    def find(self, name: str, *, digest: str | None = None, tag: str | None = None) -> Record | None:
        """The image with this digest, or that this tag names; with both, the image that has both."""
        for record in self.all(name):
            if (digest is None or record["imageDigest"] == digest) and (tag is None or tag in record["imageTags"]):
                return record
        return None

    def manifest(self, record: Record) -> bytes:
        """The manifest as it was pushed."""
        return self.blobs.read(record["imageDigest"])

    def put(self, name: str, manifest: bytes, *, media_type: str, tag: str | None) -> Record:
        """Store a manifest and move the tag to it. Raises `TagImmutableError`."""
        repository = self.repository(name)
        digest = digest_of(manifest)
        if tag and self._immutable(repository, tag) and self.find(name, tag=tag):
            raise TagImmutableError(name, tag)
        self.blobs.put(self.storage_name(name), manifest)
        record = self.find(name, digest=digest)
        if record is None:
            record = {
                "imageDigest": digest,
                "imageTags": [],
                "imagePushedAt": time.time(),
                "imageManifestMediaType": media_type,
                "imageSizeInBytes": self._size(manifest),
                "artifactMediaType": _artifact_media_type(manifest),
            }
            self.all(name).append(record)
        if tag:
            for other in self.all(name):
                if tag in other["imageTags"]:
                    other["imageTags"].remove(tag)
            record["imageTags"].append(tag)
            events.emit(
                "aws.ecr",
                "ECR Image Action",
                {
                    "result": "SUCCESS",
                    "repository-name": name,
                    "image-digest": digest,
                    "action-type": "PUSH",
                    "image-tag": tag,
                    "manifest-media-type": media_type,
                    "artifact-media-type": record["artifactMediaType"],
                },
                resources=[str(seams.ecr._repo_arn(name))],
            )
        return record

    def delete(self, name: str, *, digest: str | None, tag: str | None) -> Record | None:
        """Remove a tag, or with a digest alone the image with all its tags. An image without tags is removed too."""
        record = self.find(name, digest=digest, tag=tag)
        if record is None:
            return None
        removed = dict(record, imageTags=[tag] if tag else list(record["imageTags"]))
        if tag:
            record["imageTags"].remove(tag)
        if not tag or not record["imageTags"]:
            self.all(name).remove(record)
            self.blobs.unlink(self.storage_name(name), record["imageDigest"])
        return removed

    @staticmethod
    def _immutable(repository: Mapping[str, Any], tag: str) -> bool:
        filters = repository.get("imageTagMutabilityExclusionFilters") or []
        excluded = any(fnmatch.fnmatchcase(tag, item["filter"]) for item in filters)
        return {
            "IMMUTABLE": True,
            "IMMUTABLE_WITH_EXCLUSION": not excluded,
            "MUTABLE_WITH_EXCLUSION": excluded,
        }.get(str(repository.get("imageTagMutability")), False)

    def _size(self, manifest: bytes) -> int:
        """What ECR reports: configuration and layers of an image, manifests included for an index."""
        document = json.loads(manifest)
        parts = [document.get("config") or {}, *(document.get("layers") or []), *(document.get("manifests") or [])]
        return sum(int(part.get("size", 0)) for part in parts)


def _artifact_media_type(manifest: bytes) -> str:
    document = json.loads(manifest)
    return str(
        document.get("artifactType")
        or (document.get("config") or {}).get("mediaType")
        or document.get("mediaType")
        or DEFAULT_MEDIA_TYPE
    )

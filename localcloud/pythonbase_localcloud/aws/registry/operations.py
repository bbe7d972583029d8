"""ECR's API operations on images, instead of MiniStack's, which keep manifests in memory and know no exclusions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pythonbase_localcloud.aws import json_service, scope, seams
from pythonbase_localcloud.aws.json_service import ApiError

from .images import DEFAULT_MEDIA_TYPE, Images, Record, TagImmutableError

Members = Mapping[str, Any]
_FILTER_FIELDS = "imageTagMutabilityExclusionFilters"


class Operations:
    """The operations; each takes the request's members and returns the response's."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def install(self) -> None:
        """Replace MiniStack's functions of the same purpose."""
        for private, operation in {
            "_put_image": self.put_image,
            "_batch_get_image": self.batch_get_image,
            "_batch_delete_image": self.batch_delete_image,
            "_list_images": self.list_images,
            "_describe_images": self.describe_images,
            "_put_image_tag_mutability": self.put_image_tag_mutability,
            "_batch_check_layer_availability": self.batch_check_layer_availability,
        }.items():
            setattr(seams.ecr, private, partial(json_service.answer, operation))
        create, shape = seams.ecr._create_repository, seams.ecr._repo_shape

        def create_repository(members: dict[str, Any]) -> Any:
            response = create(members)
            record = seams.ecr._repositories.get(members.get("repositoryName", ""))
            if response[0] == 200 and record is not None and members.get(_FILTER_FIELDS):  # noqa: PLR2004
                record[_FILTER_FIELDS] = members[_FILTER_FIELDS]
            return response

        def repository_shape(record: Mapping[str, Any]) -> dict[str, Any]:
            filters = record.get(_FILTER_FIELDS)
            return {**shape(record), **({_FILTER_FIELDS: filters} if filters else {})}

        seams.ecr._create_repository = create_repository
        seams.ecr._repo_shape = repository_shape

    def put_image(self, members: Members) -> Members:
        """PutImage, also used to add a tag to an existing image."""
        name, tag = members["repositoryName"], members.get("imageTag")
        manifest = members["imageManifest"].encode()
        media_type = members.get("imageManifestMediaType") or DEFAULT_MEDIA_TYPE
        self._images.repository(name)
        existing = self._images.find(name, tag=tag) if tag else None
        if existing and self._images.manifest(existing) == manifest:
            raise ApiError(
                "ImageAlreadyExistsException",
                f"Image with digest '{existing['imageDigest']}' and tag '{tag}' already exists in the "
                f"repository with name '{name}' in registry with id '{scope.account()}'",
            )
        try:
            record = self._images.put(name, manifest, media_type=media_type, tag=tag)
        except TagImmutableError as error:
            raise ApiError("ImageTagAlreadyExistsException", str(error)) from error
        return {"image": self._image(name, record, tag)}

    def batch_get_image(self, members: Members) -> Members:
        """BatchGetImage: manifests of the named images."""
        name = members["repositoryName"]
        found, failures = [], []
        for image_id in members.get("imageIds", []):
            record = self._find(name, image_id)
            if record is None:
                failures.append(_failure(image_id))
            else:
                found.append(self._image(name, record, image_id.get("imageTag")))
        return {"images": found, "failures": failures}

    def batch_delete_image(self, members: Members) -> Members:
        """BatchDeleteImage: a tag, or an image with all its tags."""
        name = members["repositoryName"]
        self._images.repository(name)
        deleted, failures = [], []
        for image_id in members.get("imageIds", []):
            record = self._images.delete(name, digest=image_id.get("imageDigest"), tag=image_id.get("imageTag"))
            if record is None:
                failures.append(_failure(image_id))
            else:
                deleted += _image_ids(record)
        return {"imageIds": deleted, "failures": failures}

    def list_images(self, members: Members) -> Members:
        """ListImages: one entry a tag; the filter selects tagged or untagged images."""
        status = (members.get("filter") or {}).get("tagStatus")
        records = [record for record in self._images.all(members["repositoryName"]) if _has_status(record, status)]
        return {"imageIds": [image_id for record in records for image_id in _image_ids(record)]}

    def describe_images(self, members: Members) -> Members:
        """DescribeImages; an unknown image is an error, or cdk would take an asset for published."""
        name = members["repositoryName"]
        status = (members.get("filter") or {}).get("tagStatus")
        records = [record for record in self._images.all(name) if _has_status(record, status)]
        if members.get("imageIds"):
            records = []
            for image_id in members["imageIds"]:
                record = self._find(name, image_id)
                if record is None:
                    known = ", ".join(
                        f"{key}:'{value}'"
                        for key, value in (
                            ("imageDigest", image_id.get("imageDigest", "null")),
                            ("imageTag", image_id.get("imageTag", "null")),
                        )
                    )
                    raise ApiError(
                        "ImageNotFoundException",
                        f"The image with imageId {{{known}}} does not exist within the repository with name "
                        f"'{name}' in the registry with id '{scope.account()}'",
                    )
                if record not in records:
                    records.append(record)
        return {
            "imageDetails": [
                {
                    "registryId": scope.account(),
                    "repositoryName": name,
                    **{
                        key: record[key]
                        for key in (
                            "imageDigest",
                            "imageSizeInBytes",
                            "imagePushedAt",
                            "imageManifestMediaType",
                            "artifactMediaType",
                        )
                    },
                    **({"imageTags": list(record["imageTags"])} if record["imageTags"] else {}),
                }
                for record in records
            ]
        }

    def put_image_tag_mutability(self, members: Members) -> Members:
        """PutImageTagMutability with its exclusion filters."""
        name = members["repositoryName"]
        record: Any = self._images.repository(name)
        record["imageTagMutability"] = members["imageTagMutability"]
        record[_FILTER_FIELDS] = members.get(_FILTER_FIELDS) or []
        return {
            "registryId": scope.account(),
            "repositoryName": name,
            "imageTagMutability": members["imageTagMutability"],
            _FILTER_FIELDS: record[_FILTER_FIELDS],
        }

    def batch_check_layer_availability(self, members: Members) -> Members:
        """BatchCheckLayerAvailability from the blobs on disk."""
        name = members["repositoryName"]
        self._images.repository(name)
        storage = self._images.storage_name(name)
        return {
            "layers": [
                {"layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": self._images.blobs.size(digest)}
                if self._images.blobs.has(storage, digest)
                else {"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}
                for digest in members.get("layerDigests", [])
            ],
            "failures": [],
        }

    def _find(self, name: str, image_id: Members) -> Record | None:
        return self._images.find(name, digest=image_id.get("imageDigest"), tag=image_id.get("imageTag"))

    def _image(self, name: str, record: Record, tag: str | None) -> Members:
        return {
            "registryId": scope.account(),
            "repositoryName": name,
            "imageId": {"imageDigest": record["imageDigest"], **({"imageTag": tag} if tag else {})},
            "imageManifest": self._images.manifest(record).decode(),
            "imageManifestMediaType": record["imageManifestMediaType"],
        }


def _failure(image_id: Members) -> Members:
    return {"imageId": image_id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}


def _image_ids(record: Record) -> list[Members]:
    digest = record["imageDigest"]
    return [{"imageDigest": digest, "imageTag": tag} for tag in record["imageTags"]] or [{"imageDigest": digest}]


def _has_status(record: Record, status: str | None) -> bool:
    return status not in ("TAGGED", "UNTAGGED") or bool(record["imageTags"]) == (status == "TAGGED")

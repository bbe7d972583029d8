"""ECR's lifecycle policies of repositories: preview, and carrying one out.

ECR carries policies out by itself, within 24 hours. Here it is asked for, at a time that the caller names:
``POST /_localcloud/repositories/<name>/expire`` (``controls.py``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from pythonbase_localcloud.aws import json_service, scope, seams
from pythonbase_localcloud.aws.json_service import ApiError

from .images import Images, Record
from .lifecycle_policy import Image, PolicyError, expired_by, parse

Members = Mapping[str, Any]


class LifecyclePolicies:
    """The operations on lifecycle policies.

    Args:
        images: The images that expire.
        clock: Seconds since the epoch, for previews.
    """

    def __init__(self, images: Images, *, clock: Callable[[], float] = time.time) -> None:
        self._images = images
        self._clock = clock
        self._previews: dict[tuple[str, str, str], dict[str, Any]] = {}

    def install(self) -> None:
        """Check policies when they are stored, and add the operations that MiniStack lacks."""
        put, handle = seams.ecr._put_lifecycle_policy, seams.app.SERVICE_HANDLERS["ecr"]

        def put_lifecycle_policy(members: dict[str, Any]) -> Any:
            try:
                parse(members.get("lifecyclePolicyText", ""))
            except PolicyError as error:
                return ApiError("InvalidParameterException", str(error)).response()
            return put(members)

        seams.ecr._put_lifecycle_policy = put_lifecycle_policy
        own = {
            "StartLifecyclePolicyPreview": self.start_preview,
            "GetLifecyclePolicyPreview": self.get_preview,
        }

        async def handler(
            method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
        ) -> json_service.Response:
            operation = own.get(headers.get("x-amz-target", "").rsplit(".", 1)[-1])
            if operation:
                return json_service.call(operation, body)
            response: json_service.Response = await handle(method, path, headers, body, query)
            return response

        seams.app.SERVICE_HANDLERS["ecr"] = handler

    def start_preview(self, members: Members) -> Members:
        """StartLifecyclePolicyPreview, of the repository's policy or of one that is given."""
        name = members["repositoryName"]
        text = members.get("lifecyclePolicyText") or self._policy(name)
        try:
            expired = self._expired(name, text, now=self._clock())
        except PolicyError as error:
            raise ApiError("InvalidParameterException", str(error)) from error
        about = {"registryId": scope.account(), "repositoryName": name, "lifecyclePolicyText": text}
        results = [
            {
                "imageDigest": record["imageDigest"],
                "imageTags": list(record["imageTags"]),
                "imagePushedAt": record["imagePushedAt"],
                "action": {"type": "EXPIRE"},
                "appliedRulePriority": priority,
            }
            for record, priority in expired
        ]
        self._previews[_key(name)] = {
            **about,
            "status": "COMPLETE",
            "previewResults": results,
            "summary": {"expiringImageTotalCount": len(results)},
        }
        return {**about, "status": "IN_PROGRESS"}

    def get_preview(self, members: Members) -> Members:
        """GetLifecyclePolicyPreview, in one page."""
        name = members["repositoryName"]
        self._images.repository(name)
        preview = self._previews.get(_key(name))
        if preview is None:
            raise ApiError("LifecyclePolicyPreviewNotFoundException", f"There is no preview for '{name}'")
        return preview

    def carry_out(self, name: str, *, now: float) -> list[str]:
        """Remove what the repository's policy expires at this time; the digests.

        Raises:
            ApiError: if there is no such repository, or it has no policy.
        """
        expired = [record["imageDigest"] for record, _ in self._expired(name, self._policy(name), now=now)]
        for digest in expired:
            self._images.delete(name, digest=digest, tag=None)
        return expired

    def _policy(self, name: str) -> str:
        self._images.repository(name)
        text = seams.ecr._lifecycle_policies.get(name)
        if not text:
            raise ApiError("LifecyclePolicyNotFoundException", f"Lifecycle policy does not exist for '{name}'")
        return str(text)

    def _expired(self, name: str, text: str, *, now: float) -> list[tuple[Record, int]]:
        """The records that expire, oldest first, with the priority of their rule."""
        records = self._images.all(name)
        lists: dict[str, set[str]] = {}
        for record in records:
            for part in json.loads(self._images.manifest(record)).get("manifests") or []:
                lists.setdefault(part["digest"], set()).add(record["imageDigest"])
        found = expired_by(
            parse(text),
            [
                Image(
                    digest=record["imageDigest"],
                    tags=tuple(record["imageTags"]),
                    pushed_at=record["imagePushedAt"],
                    part_of=frozenset(lists.get(record["imageDigest"], ())),
                )
                for record in records
            ],
            now=now,
        )
        expired = [(record, found[record["imageDigest"]]) for record in records if record["imageDigest"] in found]
        return sorted(expired, key=lambda item: item[0]["imagePushedAt"])


def _key(name: str) -> tuple[str, str, str]:
    return scope.account(), scope.region(), name

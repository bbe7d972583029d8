"""What a build leaves: test reports and artifacts."""

from __future__ import annotations

from typing import Any

from . import reports
from .artifacts import ArtifactError, collect
from .build import Location, Work
from .buildspec import Buildspec


def hand_over(work: Work, spec: Buildspec, *, succeeded: bool) -> None:
    """Reports of a failed build too. Its artifacts would be uploaded as well, but a pipeline ignores them."""
    if not succeeded and not spec.reports:
        return
    work.progress.enter("UPLOAD_ARTIFACTS")
    _report(work, spec)
    if succeeded:
        _upload(work, spec)
    work.progress.leave()


def _report(work: Work, spec: Buildspec) -> None:
    for report in spec.reports:
        arn = reports.publish(
            report,
            root=work.source,
            project=str(work.record["projectName"]),
            build_arn=str(work.record["arn"]),
            access_key_id=work.credentials().access_key_id,
            say=work.say,
        )
        work.record["reportArns"].append(arn)


def _upload(work: Work, spec: Buildspec) -> None:
    pipeline = work.build.pipeline
    if pipeline is not None:
        names = list(pipeline.artifacts)
        for name, location in pipeline.artifacts.items():
            # One artifact: the buildspec's own; several: the secondary artifact of that name.
            artifacts = spec.artifacts if len(names) == 1 else spec.secondary_artifacts.get(name)
            if artifacts is None:
                raise ArtifactError(f"no matching artifact definition found for {name}")
            _put(work, artifacts, location, pipeline.encryption_key)
        return
    configured = work.build.project.get("artifacts") or {}
    if configured.get("type") == "S3" and spec.artifacts:
        parts = [
            str(configured.get("path") or "").strip("/"),
            work.record["id"].split(":", 1)[1] if configured.get("namespaceType") == "BUILD_ID" else "",
            str(configured.get("name") or work.build.project["name"]),
        ]
        _put(
            work,
            spec.artifacts,
            Location(bucket=str(configured["location"]), key="/".join(part for part in parts if part)),
            None,
        )


def _put(work: Work, artifacts: Any, location: Location, encryption_key: str | None) -> None:
    archive = work.control / "artifact.zip"
    count = collect(work.source, artifacts, archive)
    work.say(f"[Container] Expanding base directory path: {artifacts.base_directory}; {count} file(s)")
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption_key} if encryption_key else {}
    with archive.open("rb") as body:
        work.client("s3").put_object(Bucket=location.bucket, Key=location.key, Body=body, **encryption)

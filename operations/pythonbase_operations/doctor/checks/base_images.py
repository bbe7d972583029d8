"""Whether base images exist, and how old the last refresh is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from pythonbase_operations.doctor import stacks
from pythonbase_operations.doctor.aws import Aws, code_of, side_by_side
from pythonbase_operations.doctor.declared import BaseImage, Platform
from pythonbase_operations.doctor.finding import Finding
from pythonbase_operations.doctor.schedules import longest_gap
from pythonbase_operations.printing import one_line

MOVING_TAG = "latest"
"""The tag that services follow (``pythonbase.MOVING_TAG``)."""
_PATIENCE = 2
"""A refresh is late after this many times the longest interval of its schedule."""

_NO_REPOSITORY = "RepositoryNotFoundException"
_MEANT = {
    _NO_REPOSITORY: "its repository does not exist",
    "ImageNotFoundException": f"no image has the tag {MOVING_TAG}, so builds and new services have no base image",
}
Build = Mapping[str, Any]


def check(aws: Aws, platform: Platform) -> list[Finding]:
    """Read the repositories and the last builds."""

    def one(base: BaseImage) -> list[Finding]:
        stack = stacks.stack(aws, base.stack)
        project = next(iter(stack.physical_ids("AWS::CodeBuild::Project")), None) if stack else None
        findings = judge_image(base, _error_of_moving_tag(aws, base), project)
        if project:
            findings += judge_refresh(base, project, _last_build(aws, project), now=datetime.now(UTC))
        return findings

    return [finding for found in side_by_side(one, list(platform.base_images)) for finding in found]


def _error_of_moving_tag(aws: Aws, base: BaseImage) -> str | None:
    """The error code of ECR for the image that services follow; None if it exists."""
    try:
        aws.client("ecr").describe_images(repositoryName=base.name, imageIds=[{"imageTag": MOVING_TAG}])
    except ClientError as error:
        if code_of(error) not in _MEANT:
            raise
        return code_of(error)
    return None


def judge_image(base: BaseImage, error: str | None, project: str | None) -> list[Finding]:
    """What the error of ECR means.

    Args:
        base: The base image.
        error: The error code; None if the image exists.
        project: The CodeBuild project that builds it; None if there is none.
    """
    if error is None:
        return []
    if error == _NO_REPOSITORY:
        fix = f"cdk deploy {base.stack}{' --revert-drift' if project else ''}"
    else:
        # A build moves the tag, also when its upstream is unchanged.
        fix = f"aws codebuild start-build --project-name {project}" if project else f"cdk deploy {base.stack}"
    return [Finding(place=f"base image {base.name}", what=_MEANT[error], fix=fix)]


def _last_build(aws: Aws, project: str) -> Build | None:
    """The newest finished build, or else the newest."""
    codebuild = aws.client("codebuild")
    ids = codebuild.list_builds_for_project(projectName=project, sortOrder="DESCENDING")["ids"][:5]
    builds: list[Build] = codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
    newest_first = sorted(builds, key=lambda build: build["startTime"], reverse=True)
    return next((build for build in newest_first if build["buildStatus"] != "IN_PROGRESS"), None) or next(
        iter(newest_first), None
    )


def judge_refresh(base: BaseImage, project: str, build: Build | None, *, now: datetime) -> list[Finding]:
    """Whether the last refresh is recent and succeeded."""
    place = f"base image {base.name}"
    start = f"aws codebuild start-build --project-name {project}"
    if build is None:
        return [Finding(place=place, what="it was never built", fix=start)]
    if build["buildStatus"] not in ("SUCCEEDED", "IN_PROGRESS"):
        log = (build.get("logs") or {}).get("deepLink") or f"the log of {build['id']}"
        what = one_line(f"its last build ended {build['buildStatus']}: {_reason(build)}")
        return [Finding(place=place, what=what, fix=f"read {log}, then: {start}")]
    age = now - build["startTime"]
    if age > _PATIENCE * longest_gap(base.refresh):
        hours = int(age.total_seconds() // 3600)
        what = f"its last refresh was {hours} hours ago; its schedule is {base.refresh}"
        fix = f"{start}; if nobody paused the schedule: cdk deploy {base.stack} --revert-drift"
        return [Finding(place=place, what=what, fix=fix)]
    return []


def _reason(build: Build) -> str:
    """The failed phase and its message."""
    for phase in build.get("phases") or []:
        if phase.get("phaseStatus") not in (None, "SUCCEEDED"):
            messages = [context.get("message", "") for context in phase.get("contexts") or []]
            return f"{phase['phaseType']}: {' '.join(filter(None, messages)) or 'no reason given'}"
    return "no phase names a reason"

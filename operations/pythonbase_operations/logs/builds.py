"""The builds of a service, and why one failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from pythonbase_operations.aws import OperationError
from pythonbase_operations.logs.streams import Stream
from pythonbase_operations.printing import one_line

_STAGE = "Build"
_ERROR, _AGENT = "error: ", "[Container]"
"""How lines begin: of an error that the buildspec explains, and of CodeBuild itself."""
_REASON_LINES, _MOST_LINES, _MOST_CHARACTERS = 3, 6, 300
_NEWEST = 100
"""Builds that are searched: a page of ListBuildsForProject, and as many as BatchGetBuilds takes."""

Build = Mapping[str, Any]
"""What BatchGetBuilds returns."""


def project_of(codepipeline: Any, service: str) -> str:
    """Name of the CodeBuild project of the service's pipeline.

    Raises:
        OperationError: if there is no pipeline, or it does not build.
    """
    try:
        stages = codepipeline.get_pipeline(name=service)["pipeline"]["stages"]
    except codepipeline.exceptions.PipelineNotFoundException as error:
        raise OperationError(
            f"there is no service {service} with a pipeline in this account and Region; builds are in the account and "
            "Region of the pipelines"
        ) from error
    for stage in stages:
        for action in stage["actions"]:
            if stage["name"] == _STAGE and action["actionTypeId"]["provider"] == "CodeBuild":
                return str(action["configuration"]["ProjectName"])
    raise OperationError(f"the pipeline {service} has no action of CodeBuild in its stage {_STAGE}")


def find(codebuild: Any, project: str, wanted: str) -> Build:
    """A build of a project.

    Args:
        codebuild: A client of CodeBuild.
        project: Name of the project.
        wanted: A commit ID or a build ID, or its beginning. Empty: the last build.

    Raises:
        OperationError: if there is none.
    """
    listed = codebuild.list_builds_for_project(projectName=project, sortOrder="DESCENDING")
    ids = listed.get("ids", [])[:_NEWEST]
    if not ids:
        raise OperationError(f"the project {project} has no build yet")
    builds = codebuild.batch_get_builds(ids=ids if wanted else ids[:1])["builds"]
    return choose(sorted(builds, key=lambda build: ids.index(build["id"])), wanted)


def choose(builds: Sequence[Build], wanted: str) -> Build:
    """The build that is meant, of builds that are sorted, the newest first.

    Raises:
        OperationError: if there is none.
    """
    for build in builds:
        names = (commit_of(build), build["id"], build["id"].partition(":")[2])
        if any(name.startswith(wanted) for name in names):
            return build
    raise OperationError(f"none of the last {len(builds)} builds has a commit or an ID that starts with {wanted}")


def again(codebuild: Any, build: Build) -> Build:
    """The build as it is now."""
    found: Build = codebuild.batch_get_builds(ids=[build["id"]])["builds"][0]
    return found


def commit_of(build: Build) -> str:
    """The commit that is built; empty while CodeBuild does not know it."""
    return str(build.get("resolvedSourceVersion") or "")


def described(build: Build) -> str:
    """Which build it is, in one line."""
    commit = commit_of(build) or "(not known yet)"
    started = f"{build['startTime']:%Y-%m-%d %H:%M:%S}"
    return f"build {build['id']} of commit {commit}, started {started}: {build['buildStatus']}"


def stream_of(logs: Any, build: Build, *, since: datetime | None) -> Stream | None:
    """The log of a build; None before CodeBuild has begun it."""
    place = build.get("logs") or {}
    if not place.get("groupName") or not place.get("streamName"):
        return None
    return Stream(logs, group=place["groupName"], name=place["streamName"], since=since)


def has_failed(build: Build) -> bool:
    """Whether it has ended without success."""
    return build["buildStatus"] not in ("SUCCEEDED", "IN_PROGRESS")


def reason(build: Build, log: Sequence[str]) -> list[str]:
    """Why a build failed, in a few lines: the last error in its log, else what CodeBuild says of the failed phase."""
    if build["buildStatus"] != "FAILED":  # it was stopped, or took too long
        return [_context(build)]
    runs = [list(run) for is_agent, run in groupby(log, lambda line: line.startswith(_AGENT)) if not is_agent]
    for run in reversed(runs):
        begins = [number for number, line in enumerate(run) if line.startswith(_ERROR)]
        if begins:
            # The tool's own line, which may begin like an error too, follows the build's.
            first = next(number for number in begins if number > begins[-1] - _REASON_LINES)
            return run[first : first + _MOST_LINES]
    return [_context(build)]


def _context(build: Build) -> str:
    for phase in build.get("phases") or []:
        for context in phase.get("contexts") or []:
            if phase.get("phaseStatus") not in (None, "SUCCEEDED") and context.get("message"):
                return one_line(f"{phase['phaseType']}: {context['message']}", at_most=_MOST_CHARACTERS)
    return f"CodeBuild gives no reason: {build['buildStatus']}"

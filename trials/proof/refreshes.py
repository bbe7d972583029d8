"""A day of the base image: a refresh each hour, and three times another image upstream."""

from __future__ import annotations

import time
from typing import Any

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.machine.progress import Report
from trials.proof.result import Refresh

HOURS = 24
CHANGES = (6, 13, 20)
"""The hours at which upstream publishes another image."""
_TIMEOUT_SECONDS = 600.0


def run_refreshes(
    instance: Instance, codebuild: Any, ecr: Any, *, project: str, repository: str, tag: str, report: Report
) -> list[Refresh]:
    """Run the base image's build once for each hour, as its schedule does; `tag` is the one that services follow."""
    report(f"a day of base refreshes: {HOURS} runs, {len(CHANGES)} changes upstream")
    hub = docker_hub.control(instance)
    found: list[Refresh] = []
    for hour in range(HOURS):
        changed = hour in CHANGES
        if changed:
            hub.publish("python:3.13-slim", change=f"hour {hour} of {time.time_ns()}")
        before = _digest(ecr, repository, tag)
        hub.reset()
        started = time.monotonic()
        _build(codebuild, project)
        found.append(
            Refresh(
                changed=changed,
                published=_digest(ecr, repository, tag) != before,
                pulls=hub.pulls(),
                seconds=time.monotonic() - started,
            )
        )
        if changed:
            report(f"  hour {hour}: upstream changed, {found[-1].pulls} Docker Hub pull")
    return found


def _build(codebuild: Any, project: str) -> None:
    identifier = codebuild.start_build(projectName=project)["build"]["id"]
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        build = codebuild.batch_get_builds(ids=[identifier])["builds"][0]
        if build["buildComplete"]:
            if build["buildStatus"] != "SUCCEEDED":
                raise LocalCloudError(f"the base image's build {identifier} ended as {build['buildStatus']}")
            return
        time.sleep(0.3)
    raise LocalCloudError(f"the base image's build {identifier} took longer than {_TIMEOUT_SECONDS:.0f} s")


def _digest(ecr: Any, repository: str, tag: str) -> str:
    images = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    return str(images[0]["imageDigest"])

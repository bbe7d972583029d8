"""Goes back to an earlier release."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pythonbase_operations.aws import OperationError
from pythonbase_operations.releases.history import Release

_POLL_SECONDS = 2.0
_LEAST_CHARACTERS = 8


def choose(history: list[Release], to: str) -> Release:
    """The release to go back to.

    Args:
        history: All releases, the newest first.
        to: ``-1`` for the one before the current one, ``-2`` for the one before that; or a digest, or its beginning.

    Raises:
        OperationError: if there is no such release.
    """
    distinct = list({release.digest: release for release in reversed(history) if release.digest}.values())[::-1]
    if not distinct:
        raise OperationError("there is no release yet")
    if to.startswith("-"):
        steps = -int(to) if to[1:].isdigit() else 0
        if steps < 1:
            raise OperationError(f"--to {to}: use -1 for the release before this one, -2 for the one before that")
        earlier = _before_the_present(history)
        if len(earlier) < steps:
            raise OperationError(f"--to {to}: there are {len(earlier)} earlier releases")
        return earlier[steps - 1]
    wanted = to.removeprefix("sha256:")
    if len(wanted) < _LEAST_CHARACTERS:
        raise OperationError(f"--to {to}: use at least {_LEAST_CHARACTERS} characters of the digest")
    found = [release for release in distinct if release.digest.removeprefix("sha256:").startswith(wanted)]
    if len(found) != 1:
        raise OperationError(f"--to {to}: {len(found)} releases have such a digest; see: pythonbase releases")
    return found[0]


def _before_the_present(history: list[Release]) -> list[Release]:
    """Earlier releases, the newest first, each digest once, without the current one."""
    present = history[0].digest
    seen, earlier = {present, ""}, []
    for release in history:
        if release.digest not in seen:
            seen.add(release.digest)
            earlier.append(release)
    return earlier


def running(sfn: Any, arn: str) -> list[tuple[str, datetime]]:
    """Releases in progress: name and start of their executions, the oldest first. Empty without a state machine."""
    try:
        found = sfn.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
    except sfn.exceptions.StateMachineDoesNotExist:
        return []
    return sorted(((item["name"], item["startDate"]) for item in found), key=lambda item: item[1])


def start(sfn: Any, arn: str, release: Release, *, by: str, why: str, now: bool = False) -> str:
    """Start the release of an earlier image; returns the ARN of the execution.

    With ``now``, it stops the release in progress, and does not wait for deployments.
    """
    described = {
        "image": release.image,
        "baseImage": release.base_image,
        "commit": release.commit,
        "by": by,
        "why": why,
        **({"now": True} if now else {}),
    }
    try:
        execution = sfn.start_execution(stateMachineArn=arn, input=json.dumps(described))
    except sfn.exceptions.StateMachineDoesNotExist as error:
        raise OperationError(f"there is no state machine {arn}: deploy the service's stack") from error
    return str(execution["executionArn"])


def wait(sfn: Any, execution: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait for the end of a release.

    Raises:
        OperationError: if it failed, with the reason.
    """
    while (found := sfn.describe_execution(executionArn=execution))["status"] == "RUNNING":
        sleep(_POLL_SECONDS)
    if found["status"] != "SUCCEEDED":
        reason = ": ".join(part for part in (found.get("error"), found.get("cause")) if part)
        raise OperationError(f"the release {found['status'].lower().replace('_', ' ')}: {reason}")

"""Pull requests: opened and closed through the API, updated by pushes to their branch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythonbase_localcloud.aws import store

from . import repositories
from .triggers import Change, start_pipelines

log = logging.getLogger("localcloud")

Record = dict[str, Any]

# Repository -> its pull requests, oldest first; kept like the branches in the scope of the server.
_all = store.scoped_store("bitbucket", "pull-requests")


class PullRequestError(Exception):
    """Bitbucket refuses it; the text says why."""


def open_(directory: Path, repository: str, *, title: str, source: str, destination: str) -> Record:
    """Open one from a branch to a branch. Raises `PullRequestError`."""
    path = repositories.find(directory, repository)
    if path is None:
        raise PullRequestError(f"there is no repository {repository}")
    commit = repositories.commit_of(path, f"refs/heads/{source}")
    for branch, found in ((source, commit), (destination, repositories.commit_of(path, f"refs/heads/{destination}"))):
        if found is None:
            raise PullRequestError(f"branch not found: {branch}")
    if any(item["state"] == "OPEN" and _ends(item) == (source, destination) for item in of_repository(repository)):
        raise PullRequestError(f"there is an open pull request from {source} to {destination} already")
    record = {
        "id": len(of_repository(repository)) + 1,
        "title": title,
        "state": "OPEN",
        "source": source,
        "destination": destination,
        "commit": commit,
    }
    _all[repository] = [*of_repository(repository), record]
    _happened(path, repository, record, "OPEN")
    return record


def close(directory: Path, repository: str, identifier: int, *, state: str) -> Record:
    """Decline it, or say that it was merged. Raises `PullRequestError`."""
    path = repositories.find(directory, repository)
    record = next((item for item in of_repository(repository) if item["id"] == identifier), None)
    if path is None or record is None:
        raise PullRequestError(f"there is no pull request {identifier} in {repository}")
    if record["state"] != "OPEN":
        raise PullRequestError(f"the pull request {identifier} is {record['state']}")
    record["state"] = state
    _happened(path, repository, record, "CLOSED")
    return record


def pushed(path: Path, repository: str, branch: str, commit: str) -> None:
    """A push to the branch of open pull requests updates them."""
    for record in of_repository(repository):
        if record["state"] == "OPEN" and record["source"] == branch and record["commit"] != commit:
            record["commit"] = commit
            _happened(path, repository, record, "UPDATED")


def of_repository(repository: str) -> list[Record]:
    """All of them, oldest first."""
    found: list[Record] = _all.get(repository) or []
    return found


def _ends(record: Mapping[str, Any]) -> tuple[str, str]:
    return record["source"], record["destination"]


def _happened(path: Path, repository: str, record: Record, event: str) -> None:
    start_pipelines(
        Change(
            repository=repository,
            commit=record["commit"],
            branch=record["source"],
            event=event,
            pull_request={"id": str(record["id"]), "destination": record["destination"]},
            files=lambda: repositories.changed_since_fork(
                path, f"refs/heads/{record['destination']}", record["commit"]
            ),
        )
    )

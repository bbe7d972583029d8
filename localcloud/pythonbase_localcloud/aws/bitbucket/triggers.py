"""Which pipelines something that happens in a repository starts."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pythonbase_localcloud.aws import codepipeline, scope
from pythonbase_localcloud.aws.codepipeline import executions, model
from pythonbase_localcloud.aws.small_services.codeconnections import ConnectionUnavailableError, require_available

from .globs import GlobError, selected

log = logging.getLogger("localcloud")

Filter = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A push or a pull request's event.

    `branch` or `tag` is what was pushed, or the branch that a pull request comes from. `files` are asked for only
    where a filter names files. `pull_request` has its ``id`` and ``destination``, and `event` is then OPEN, UPDATED or
    CLOSED.
    """

    repository: str
    commit: str
    files: Callable[[], list[str]]
    branch: str = ""
    tag: str = ""
    event: str = ""
    pull_request: Mapping[str, str] | None = None

    def __str__(self) -> str:
        if self.pull_request:
            return f"pull request {self.pull_request['id']} ({self.event}) of {self.branch}"
        return f"tag {self.tag}" if self.tag else f"branch {self.branch}"


def start_pipelines(change: Change) -> None:
    """Start every pipeline, in any account and Region, that has the repository as a source and wants the change."""
    for (account, region, name), record in executions.pipelines.all_items():
        for action in model.source_actions(record["pipeline"]):
            if action["configuration"].get("FullRepositoryId") == change.repository and _wants(
                record["pipeline"], action, change
            ):
                with scope.scoped(account, region):
                    _start(name, action, change)


def _start(name: str, action: Mapping[str, Any], change: Change) -> None:
    connection = action["configuration"]["ConnectionArn"]
    try:
        # A connection whose handshake is open has no webhook: nothing starts, as on AWS.
        require_available(connection)
    except ConnectionUnavailableError as error:
        log.warning("bitbucket: %s in %s starts nothing: %s", change, change.repository, error)
        return
    execution = codepipeline.start(
        name,
        revisions={action["name"]: {"CommitId": change.commit, **_branches(change)}},
        trigger=codepipeline.webhook_trigger(
            connection=connection,
            repository=change.repository,
            commit=change.commit,
            action=action["name"],
            **_origin(change),
        ),
    )
    log.info("bitbucket: %s in %s starts %s (%s)", change, change.repository, name, execution)


def _branches(change: Change) -> dict[str, str]:
    """The variables that say which branch it is about. AWS documents others for a pull request, and none for a tag:
    https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-triggers.html
    """
    if change.pull_request:
        return {
            "SourceBranchName": change.branch,
            "DestinationBranchName": change.pull_request["destination"],
            "PullRequestId": change.pull_request["id"],
        }
    return {} if change.tag else {"BranchName": change.branch}


def _origin(change: Change) -> dict[str, str]:
    if change.pull_request:
        return {
            "branchName": change.branch,
            "pullRequestId": change.pull_request["id"],
            "destinationBranchName": change.pull_request["destination"],
        }
    return {"tagName": change.tag} if change.tag else {"branchName": change.branch}


def _wants(pipeline: Mapping[str, Any], action: Mapping[str, Any], change: Change) -> bool:
    configurations = [
        trigger["gitConfiguration"]
        for trigger in pipeline["triggers"]
        if trigger["gitConfiguration"]["sourceActionName"] == action["name"]
    ]
    files = functools.cache(change.files)
    try:
        return any(_filters_match(configuration, change, files) for configuration in configurations) or (
            # With a trigger, BranchName and DetectChanges serve manual starts only.
            not configurations and _follows(action["configuration"], change)
        )
    except GlobError as error:
        log.warning("bitbucket: the pipeline %s has a pattern that is none: %s", pipeline["name"], error)
        return False


def _follows(configuration: Mapping[str, str], change: Change) -> bool:
    detects = str(configuration.get("DetectChanges", "true")).lower() != "false"
    return detects and not change.pull_request and bool(change.branch) and configuration["BranchName"] == change.branch


def _filters_match(configuration: Mapping[str, Any], change: Change, files: Callable[[], list[str]]) -> bool:
    """Each filter starts the pipeline by itself; within one, all that it names must match."""
    if change.pull_request:
        return any(
            change.event in (wanted.get("events") or ("OPEN", "UPDATED", "CLOSED"))
            and selected(wanted.get("branches"), [change.pull_request["destination"]])
            and ("filePaths" not in wanted or selected(wanted["filePaths"], files()))
            for wanted in configuration.get("pullRequest") or []
        )
    return any(_push_matches(wanted, change, files) for wanted in configuration.get("push") or [])


def _push_matches(wanted: Filter, change: Change, files: Callable[[], list[str]]) -> bool:
    if change.tag:
        return "tags" in wanted and selected(wanted["tags"], [change.tag])
    return (
        "tags" not in wanted
        and selected(wanted.get("branches"), [change.branch])
        and ("filePaths" not in wanted or selected(wanted["filePaths"], files()))
    )

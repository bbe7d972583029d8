"""Bitbucket's side: a push to a bare repository starts the pipelines whose source it is."""

from __future__ import annotations

import fnmatch
import logging
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import codepipeline, scope, store
from .codeconnections import ConnectionUnavailableError, require_available
from .codepipeline import executions, model
from .settings import Settings

log = logging.getLogger("localcloud")

_POLL_SECONDS = 0.4
_NOTHING = "0" * 40

# One record for the whole server, kept in the scope that it runs in: repository -> branch -> commit.
_seen = store.scoped_store("bitbucket", "branches")


def start(settings: Settings) -> None:
    """Watch the repositories in the background."""
    threading.Thread(target=_Watcher(settings.bitbucket).run, daemon=True, name="localcloud-bitbucket").start()


class _Watcher:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._first_round = not _seen

    def run(self) -> None:
        while True:
            try:
                self._look()
            except Exception:
                log.exception("bitbucket: a round failed")
            time.sleep(_POLL_SECONDS)

    def _look(self) -> None:
        for path in self._directory.glob("*/*.git"):
            repository = str(path.relative_to(self._directory).with_suffix(""))
            branches = dict(_branches(path))
            before: Mapping[str, str] | None = _seen.get(repository)
            if before == branches:
                continue
            _seen[repository] = branches
            if before is None and self._first_round:
                continue  # what was there before the local cloud was pushed to nobody
            for branch, commit in branches.items():
                previous = (before or {}).get(branch, _NOTHING)
                if previous != commit:
                    self._pushed(path, repository, branch, previous, commit)
        self._first_round = False

    @staticmethod
    def _pushed(path: Path, repository: str, branch: str, previous: str, commit: str) -> None:
        for (account, region, name), record in executions.pipelines.all_items():
            for action in model.source_actions(record["pipeline"]):
                configuration = action["configuration"]
                if configuration.get("FullRepositoryId") != repository or not _wanted(
                    record["pipeline"], action, branch, lambda: _changed_files(path, previous, commit)
                ):
                    continue
                with scope.scoped(account, region):
                    try:
                        # A connection whose handshake is open has no webhook: the push starts nothing, as on AWS.
                        require_available(configuration["ConnectionArn"])
                    except ConnectionUnavailableError as error:
                        log.warning("bitbucket: the push to %s starts nothing: %s", repository, error)
                        continue
                    execution = codepipeline.start(
                        name,
                        revisions={action["name"]: {"CommitId": commit, "BranchName": branch}},
                        trigger=codepipeline.pushed_trigger(
                            connection=configuration["ConnectionArn"],
                            repository=repository,
                            branch=branch,
                            commit=commit,
                            action=action["name"],
                        ),
                    )
                    log.info(
                        "bitbucket: push of %s to %s %s starts %s (%s)",
                        commit[:12],
                        repository,
                        branch,
                        name,
                        execution,
                    )


def _branches(path: Path) -> Iterator[tuple[str, str]]:
    """Branches of a bare repository, read from its files: a process a poll would cost more than the rest."""
    packed = path / "packed-refs"
    if packed.exists():
        for line in packed.read_text().splitlines():
            commit, _, name = line.partition(" ")
            if name.startswith("refs/heads/"):
                yield name.removeprefix("refs/heads/"), commit
    heads = path / "refs" / "heads"
    for file in heads.rglob("*") if heads.is_dir() else ():
        if file.is_file() and not file.name.endswith(".lock"):
            yield str(file.relative_to(heads)), file.read_text().strip()


def _wanted(pipeline: Mapping[str, Any], action: Mapping[str, Any], branch: str, changed: Any) -> bool:
    filters = [
        trigger["gitConfiguration"]
        for trigger in pipeline["triggers"]
        if trigger["gitConfiguration"]["sourceActionName"] == action["name"]
    ]
    if filters:
        # With a trigger, BranchName and DetectChanges serve manual starts only.
        return any(_matches_push(push, branch, changed) for git in filters for push in git.get("push") or [])
    configuration = action["configuration"]
    return (
        configuration.get("BranchName") == branch and str(configuration.get("DetectChanges", "true")).lower() != "false"
    )


def _matches_push(push: Mapping[str, Any], branch: str, changed: Any) -> bool:
    if "branches" not in push and "tags" in push:
        return False
    if not _selected(push.get("branches"), [branch]):
        return False
    return "filePaths" not in push or _selected(push["filePaths"], changed())


def _selected(patterns: Mapping[str, Any] | None, values: list[str]) -> bool:
    includes, excludes = (patterns or {}).get("includes") or [], (patterns or {}).get("excludes") or []
    return any(
        (not includes or any(fnmatch.fnmatchcase(value, pattern) for pattern in includes))
        and not any(fnmatch.fnmatchcase(value, pattern) for pattern in excludes)
        for value in values
    )


def _changed_files(path: Path, previous: str, commit: str) -> list[str]:
    arguments = (
        ["ls-tree", "-r", "--name-only", commit] if previous == _NOTHING else ["diff", "--name-only", previous, commit]
    )
    return subprocess.run(  # noqa: S603 - git, with arguments that are checked
        ["git", "-c", "safe.directory=*", "-C", str(path), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

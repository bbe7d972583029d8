"""Bitbucket's side: what happens in a bare repository starts the pipelines whose source it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pythonbase_localcloud.aws import store
from pythonbase_localcloud.aws.settings import Settings

from . import pull_requests, repositories
from .triggers import Change, start_pipelines

log = logging.getLogger("localcloud")

_POLL_SECONDS = 0.4

# One record for the whole server, kept in the scope that it runs in: repository -> branch or tag -> what it names.
_seen = store.scoped_store("bitbucket", "references")


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
            references = dict(repositories.references(path))
            before: Mapping[str, str] | None = _seen.get(repository)
            if before == references:
                continue
            _seen[repository] = references
            if before is None and self._first_round:
                continue  # what was there before the local cloud was pushed to nobody
            for reference, target in references.items():
                previous = (before or {}).get(reference)
                if previous != target:
                    _pushed(path, repository, reference, previous, target)
        self._first_round = False


def _pushed(path: Path, repository: str, reference: str, previous: str | None, target: str) -> None:
    kind, _, name = reference.partition("/")
    # An annotated tag names an object of its own.
    commit = repositories.commit_of(path, target) or target

    def files() -> list[str]:
        if previous is None:
            return repositories.files_of(path, commit)
        return repositories.changed_files(path, previous, commit)

    if kind == "tags":
        start_pipelines(Change(repository=repository, commit=commit, tag=name, files=files))
        return
    start_pipelines(Change(repository=repository, commit=commit, branch=name, files=files))
    pull_requests.pushed(path, repository, name, commit)

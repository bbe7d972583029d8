"""What happens in a bare repository starts the pipelines whose source it is."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pythonbase_localcloud.aws import store

from . import pull_requests, repositories
from .triggers import Change, start_pipelines

log = logging.getLogger("localcloud")

_POLL_SECONDS = 0.4

# One record for the whole server, kept in the scope that it runs in: repository -> branch or tag -> what it names.
_seen = store.scoped_store("bitbucket", "references")


class Watcher:
    """Looks at the bare repositories below `directory` for what was pushed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._first_round = False
        self._looking = threading.Lock()
        self._scope = contextvars.Context()

    def start(self) -> None:
        """Watch in the background; the state of an earlier run has been loaded."""
        self._first_round = not _seen
        threading.Thread(target=self._run, daemon=True, name="localcloud-bitbucket").start()

    def catch_up(self) -> None:
        """Let every push until now have its effect: Bitbucket tells of one at once, the watcher a little later."""
        with self._looking:
            self._scope.run(self._look)

    def _run(self) -> None:
        while True:
            try:
                self.catch_up()
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

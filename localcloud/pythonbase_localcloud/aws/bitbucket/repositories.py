"""What the bare repositories hold, asked of Git."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"[\w-]+/[\w.-]+")
_KINDS = ("heads", "tags")


def find(directory: Path, name: str) -> Path | None:
    """The bare repository of ``workspace/repository``; None if there is none."""
    path = directory / f"{name}.git"
    return path if _NAME.fullmatch(name) and path.is_dir() else None


def references(path: Path) -> Iterator[tuple[str, str]]:
    """Branches and tags (``heads/main``, ``tags/v1``) with what they name, read from the repository's files: a process
    a poll would cost more than the rest."""
    packed = path / "packed-refs"
    if packed.exists():
        for line in packed.read_text().splitlines():
            target, _, name = line.partition(" ")
            if name.startswith(tuple(f"refs/{kind}/" for kind in _KINDS)):
                yield name.removeprefix("refs/"), target
    for kind in _KINDS:
        directory = path / "refs" / kind
        for file in directory.rglob("*") if directory.is_dir() else ():
            if file.is_file() and not file.name.endswith(".lock"):
                yield str(file.relative_to(path / "refs")), file.read_text().strip()


def commit_of(path: Path, revision: str) -> str | None:
    """The commit that a branch, a tag or an id names; None if there is none."""
    if revision.startswith("-"):
        return None
    return _git(path, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")


def files_of(path: Path, commit: str) -> list[str]:
    """Every file of a commit."""
    return _names(_git(path, "ls-tree", "-r", "-z", "--name-only", commit))


def changed_files(path: Path, before: str, commit: str) -> list[str]:
    """Files in which two commits differ."""
    return _names(_git(path, "diff", "-z", "--name-only", "--no-renames", before, commit))


def changed_since_fork(path: Path, destination: str, commit: str) -> list[str]:
    """Files that a commit changed since it left a branch: the files of a pull request."""
    return changed_files(path, _git(path, "merge-base", destination, commit) or destination, commit)


def _git(path: Path, *arguments: str) -> str | None:
    """Output of a git command, None when it fails. Repositories belong to whoever pushes."""
    done = subprocess.run(  # noqa: S603 - git, with arguments that are checked
        ["git", "-c", "safe.directory=*", "-C", str(path), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _names(output: str | None) -> list[str]:
    return [name for name in (output or "").split("\0") if name]

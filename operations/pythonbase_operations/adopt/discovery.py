"""Finds the files of a repository that name images, and reads them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from pythonbase_operations.adopt.model import FileError

LARGEST = 1024 * 1024
"""Size limit of a file that is read, in bytes. Nobody writes larger ones by hand."""

_SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "venv", ".tox", ".nox", "cdk.out", "__pycache__"})
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"


class Kind(StrEnum):
    """What a file is, by its name."""

    DOCKERFILE = "Dockerfile"
    COMPOSE = "compose file"
    BUILDSPEC = "buildspec"
    BITBUCKET = "Bitbucket pipelines"


_NAMES = {
    Kind.DOCKERFILE: ("dockerfile", "dockerfile.*", "*.dockerfile", "containerfile*"),
    Kind.COMPOSE: ("compose.y*ml", "compose.*.y*ml", "docker-compose*.y*ml"),
    Kind.BUILDSPEC: ("buildspec*.y*ml",),
    Kind.BITBUCKET: ("bitbucket-pipelines.y*ml",),
}
_YAML = (".yml", ".yaml")


@dataclass(frozen=True)
class Candidate:
    """A file to read.

    Args:
        path: Where it is.
        root: The folder that PATH names or is in; nothing outside it is read or written.
        kind: What it is.
    """

    path: Path
    root: Path
    kind: Kind


def kind_of(name: str) -> Kind | None:
    """What a file of this name is; None if it names no images."""
    lower = name.lower()
    if lower.endswith(".dockerignore"):
        return None
    for kind, patterns in _NAMES.items():
        matches = any(fnmatchcase(lower, pattern) for pattern in patterns)
        if matches and (kind is Kind.DOCKERFILE or lower.endswith(_YAML)):
            return kind
    return None


def candidates(path: Path) -> Iterator[Candidate | tuple[Path, FileError]]:
    """Files below a folder in a stable order, or the file itself: a Dockerfile, unless its name says otherwise."""
    if not path.is_dir():
        yield Candidate(path, path.parent, kind_of(path.name) or Kind.DOCKERFILE)
        return
    unreadable: list[tuple[Path, FileError]] = []

    def remember(error: OSError) -> None:
        unreadable.append((Path(str(error.filename)), FileError(f"cannot be read: {error.strerror}")))

    for folder, folders, files in os.walk(path, onerror=remember):
        here = Path(folder)
        folders[:] = sorted(
            name for name in folders if name not in _SKIPPED and not (here / name / _VIRTUAL_ENVIRONMENT).exists()
        )
        for name in sorted(files):
            kind = kind_of(name)
            if kind is not None:
                yield Candidate(here / name, path, kind)
    yield from unreadable


def read(candidate: Candidate) -> bytes:
    """The bytes of a file.

    Raises:
        FileError: if it is not a readable text file of at most ``LARGEST`` bytes inside the folder of the candidate.
    """
    try:
        real = inside(candidate)
        status = real.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileError("not a regular file")
        if status.st_size > LARGEST:
            raise FileError(f"too large: {status.st_size} bytes, at most {LARGEST} are read")
        data = real.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, in Python 3.11 and 3.12
        raise FileError(f"cannot be read: {getattr(error, 'strerror', None) or 'a loop of symbolic links'}") from None
    if b"\0" in data:
        raise FileError("binary, not text")
    return data


def inside(candidate: Candidate) -> Path:
    """The file, with symbolic links resolved.

    Raises:
        FileError: if it is outside the folder of the candidate.
        OSError: if it does not exist.
    """
    real = candidate.path.resolve(strict=True)
    if not real.is_relative_to(candidate.root.resolve()):
        raise FileError("a symbolic link to a target outside the repository")
    return real

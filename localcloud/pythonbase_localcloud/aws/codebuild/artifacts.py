"""Collects a build's files into a zip."""

from __future__ import annotations

import fnmatch
import zipfile
from collections.abc import Sequence
from pathlib import Path

from .buildspec import Artifacts


class ArtifactError(Exception):
    """No file matches; CodeBuild fails the build in UPLOAD_ARTIFACTS."""


def collect(root: Path, artifacts: Artifacts, destination: Path) -> int:
    """Zip the files that the patterns name; return their number. Raises `ArtifactError` when a pattern matches none."""
    base = (root / artifacts.base_directory).resolve()
    if not base.is_dir():
        raise ArtifactError(f"no matching base directory path found for {artifacts.base_directory}")
    files: set[Path] = set()
    for pattern in artifacts.files:
        matched = {path for path in _matches(base, pattern) if path.is_file()}
        if not matched:
            raise ArtifactError(f"no matching artifact paths found for {pattern}")
        files |= matched
    kept = sorted(
        path
        for path in files
        if not any(fnmatch.fnmatch(str(path.relative_to(base)), pattern) for pattern in artifacts.exclude)
    )
    with zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in kept:
            archive.write(path, path.name if artifacts.discard_paths else str(path.relative_to(base)))
    return len(kept)


def matching_files(root: Path, patterns: Sequence[str], *, base_directory: str) -> list[Path]:
    """The files in the base directory that a pattern names; none if there is no such directory, or it is elsewhere."""
    base = (root / base_directory).resolve()
    if not base.is_relative_to(root.resolve()):
        return []
    found = {path for pattern in patterns for path in _matches(base, pattern) if path.is_file()}
    return sorted(path for path in found if path.resolve().is_relative_to(base))


def _matches(base: Path, pattern: str) -> list[Path]:
    if pattern.startswith("/"):
        return [Path(pattern)]
    if pattern in ("**/*", "**"):
        return list(base.rglob("*"))
    found = list(base.glob(pattern))
    # A directory stands for everything in it.
    return [path for match in found for path in ([match] if match.is_file() else match.rglob("*"))]

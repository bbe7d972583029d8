"""Control groups of the engine's containers, which outlive the namespaces and have to be removed by name."""

from __future__ import annotations

import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PATIENCE_SECONDS = 3.0


def leftover(identifier: str) -> list[Path]:
    """Directories of the control group `identifier` in whichever hierarchies the machine has (version 1 or 2)."""
    return [path for path in (_ROOT / identifier, *_ROOT.glob(f"*/{identifier}")) if path.is_dir()]


def remove(identifier: str) -> list[Path]:
    """Remove the control group with all below it; returns what could not be removed.

    A group is busy until the kernel has buried its last process, so this waits a moment.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (left := leftover(identifier)) and time.monotonic() < deadline:
        for top in left:
            _remove_tree(top)
        if leftover(identifier):
            time.sleep(0.05)
    return left


def _remove_tree(top: Path) -> None:
    # the files in there are the kernel's; only directories are removed, from the bottom up
    for directory in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
        _remove_directory(directory)
    _remove_directory(top)


def _remove_directory(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:  # busy, or gone already
        return

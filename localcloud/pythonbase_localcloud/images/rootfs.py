"""File systems of images made from Debian packages, for machines that reach no public registry."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.engine import packages
from pythonbase_localcloud.machine.commands import run

RELEASE = "trixie"
_EXCLUDED = tuple(f"/usr/share/{name}/*" for name in ("man", "locale", "doc", "info"))
"""What no image needs."""


@dataclass(frozen=True)
class Recipe:
    """What is in a file system: packages, and shell commands that run in it at the end (`$1` is its directory)."""

    name: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    """Patterns of files that are left out."""

    @property
    def fingerprint(self) -> str:
        """Changes with the content asked for."""
        words = json.dumps([RELEASE, self.packages, self.hooks, *self.excluded])
        return hashlib.sha256(words.encode()).hexdigest()[:12]


def make(recipe: Recipe, target: Path, *, log: Path, sources: Sequence[packages.AptSource] | None = None) -> Path:
    """Make the tar archive `target` with mmdebstrap; needs root, takes half a minute to one minute.

    `sources` are where the packages come from (left out: Debian's mirror as configured on this machine). Only
    commands inside the new file system run as part of it; this machine's own packages are never touched.
    """
    if sources is None:
        machine = packages.distribution()
        sources = packages.sources_for(RELEASE, machine=machine, sources=packages.configured_sources())
    target.parent.mkdir(parents=True, exist_ok=True)
    list_file = target.with_suffix(".sources")
    list_file.write_text("\n".join(source.render() for source in sources))
    partial = target.with_suffix(".part.tar")
    words = ["mmdebstrap", "--variant=minbase", "--format=tar", f"--include={','.join(recipe.packages)}"]
    words += [f"--dpkgopt=path-exclude={pattern}" for pattern in (*_EXCLUDED, *recipe.excluded)]
    words += [f"--customize-hook={hook}" for hook in recipe.hooks]
    run([*words, RELEASE, str(partial), str(list_file)], log=log, timeout=1200)
    list_file.unlink()
    partial.rename(target)
    return target


def in_root(*argv: str) -> str:
    """A hook that runs a command inside the new file system."""
    return f'chroot "$1" {shlex.join(argv)}'

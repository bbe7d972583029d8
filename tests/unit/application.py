"""Runs app.py the way the CDK CLI does, in a copy of the repository, for the tests beside this module."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.synthesis import ACCOUNT, CONTEXT, REGION, ROOT

_PRODUCT = (
    "app.py",
    "cdk.json",
    "platform.yaml",
    "platform.schema.json",
    "settings",
    "stacks",
    "constructs",
    "buildspecs",
    "images",
)
UNPACKED = {"JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache" / "aws" / "jsii" / "package-cache")}
"""Where jsii keeps the unpacked CDK library: with another home folder each run would unpack it again, in 10 seconds."""

DEFAULTS = {"CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION}


def copy_of_the_repository(folder: Path) -> Path:
    """What synthesis needs, without files that a run wrote."""
    folder.mkdir(parents=True)
    for name in _PRODUCT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, folder / name)
    return folder


@dataclass(frozen=True)
class Run:
    """One run of app.py that has started."""

    process: subprocess.Popen[str]
    out: Path

    def result(self) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        stdout, stderr = self.process.communicate(timeout=120)
        return self.process.returncode, stdout, stderr

    def succeeded(self) -> Path:
        """The cloud assembly."""
        code, stdout, stderr = self.result()
        assert (code, stdout) == (0, ""), stderr
        return self.out


@dataclass(frozen=True)
class Application:
    """A copy of the repository, and the environment in which to run it."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=lambda: DEFAULTS)

    def start(self, out: Path, **context: str) -> Run:
        """Start app.py.

        Args:
            out: Where to put the cloud assembly.
            context: Context values, as `-c name=value` gives them.
        """
        out.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=self.root,
            env=tools_environment(self.root)
            | {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(CONTEXT | context), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Run(process, out)


def tools_environment(root: Path) -> dict[str, str]:
    """An environment with Python, Node and the copy's own sources, and nothing else of the user's."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        # Before the editable installation, which points to the repository itself.
        "PYTHONPATH": os.pathsep.join([str(root / name) for name in ("constructs", "buildspecs", "settings")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(root.parent),
        **UNPACKED,
    }


def templates(out: Path) -> dict[str, bytes]:
    """Every template and asset manifest of a cloud assembly, byte by byte."""
    return {
        path.name: path.read_bytes() for path in out.iterdir() if path.name.endswith((".template.json", ".assets.json"))
    }


def assets(out: Path) -> set[str]:
    """Names of the staged assets: their hashes."""
    return {path.name for path in out.iterdir() if path.name.startswith("asset.")}

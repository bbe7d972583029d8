"""The AWS SDK for JavaScript that Lambda's Node runtimes bring along: CDK's own custom resources require it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from pythonbase_localcloud.machine.commands import run
from pythonbase_localcloud.machine.locks import held
from pythonbase_localcloud.machine.progress import Report

_PINS = Path(__file__).parents[2] / "lambda-runtime"


def ensure(target: Path, *, search_path: str, log: Path, report: Report) -> None:
    """Install what `lambda-runtime/package-lock.json` pins into `target`; `search_path` is a PATH that finds npm."""
    pins = [_PINS / "package.json", _PINS / "package-lock.json"]
    fingerprint = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()
    done = target / "complete"
    with held(target.with_suffix(".lock")):
        if done.exists() and done.read_text() == fingerprint:
            return
        report("installs the AWS SDK for JavaScript for Lambda functions")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for path in pins:
            shutil.copy(path, target)
        words = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        run(words, cwd=target, env={**os.environ, "PATH": search_path}, log=log)
        done.write_text(fingerprint)

"""The same builds through the pipeline: commits of the same app, pushed to two services side by side."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.demo import bitbucket, pipelines
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError, run
from pythonbase_localcloud.machine.progress import Report, reporter
from trials.proof.hosts_of_builds import CleanHost
from trials.proof.peers import APP
from trials.proof.result import Series

NAME = "pythonbase's pipeline"
_AUTHOR = ("-c", "user.name=pythonbase proof", "-c", "user.email=proof@localhost")


def run_pipeline(
    instance: Instance, codepipeline: Any, *, services: Mapping[str, str], base: str, builds: int, report: Report
) -> Series:
    """Push commits until `builds` of them were released or failed.

    `services` are names and repositories. They get one commit each at a time, side by side; before that the engine is
    emptied. The Dockerfile is the very one that fails without the pipeline: `FROM python:3.13-slim`. `base` is the URI
    of the base image's repository.
    """
    report(f"{builds} builds on clean hosts: {NAME}")
    host, hub = CleanHost(instance=instance), docker_hub.control(instance)
    hub.reset()
    outcomes, reason, started = list[bool](), "", time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(services)) as pool:
        clones = {name: _clone(instance, repository, Path(folder) / name) for name, repository in services.items()}
        while len(outcomes) < builds:
            host.clean(base, "python")
            chosen = list(clones.items())[: builds - len(outcomes)]
            commits = [(name, _commit(clone, len(outcomes) + 1 + place)) for place, (name, clone) in enumerate(chosen)]
            reasons = list(pool.map(lambda pushed: _released(codepipeline, *pushed), commits))
            outcomes += [not text for text in reasons]
            reason = reason or next(filter(None, reasons), "")
            if len(outcomes) // 25 > (len(outcomes) - len(chosen)) // 25:
                report(f"  {len(outcomes)} releases, {outcomes.count(False)} failed, {hub.pulls()} Docker Hub pulls")
    return Series(
        name=NAME,
        outcomes=tuple(outcomes),
        docker_hub_pulls=hub.pulls(),
        reason=reason,
        seconds=time.monotonic() - started,
    )


def _released(codepipeline: Any, service: str, commit: str) -> str:
    """Wait for a commit's release; the reason if it fails, else an empty text."""
    try:
        pipelines.release(codepipeline, name=service, commit=commit, report=reporter(quiet=True))
    except LocalCloudError as error:
        return str(error)
    return ""


def _clone(instance: Instance, repository: str, folder: Path) -> Path:
    """A clone whose content is the small app's."""
    run(["git", "clone", "--quiet", bitbucket.repository_path(instance, repository), folder])
    _replace_content(folder)
    return folder


def _replace_content(clone: Path) -> None:
    for path in clone.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(APP, clone, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def _commit(clone: Path, number: int) -> str:
    """A tiny change: the number that the app answers with."""
    source = clone / "app.py"
    stamp = f'BUILD = "{number} of {time.time_ns()}"'
    source.write_text(re.sub(r"^BUILD = .*$", stamp, source.read_text(), count=1, flags=re.MULTILINE))
    run(["git", "-C", clone, "add", "--all"])
    run(["git", "-C", clone, *_AUTHOR, "commit", "--quiet", "--message", f"Build {number}"])
    run(["git", "-C", clone, "push", "--quiet", "origin", "HEAD"])
    return run(["git", "-C", clone, "rev-parse", "HEAD"]).strip()

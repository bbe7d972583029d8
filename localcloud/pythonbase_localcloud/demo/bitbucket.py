"""Bitbucket as a folder of bare Git repositories, and the first commit of a sample service."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import CommandError, run

_AUTHOR = ("-c", "user.name=pythonbase demo", "-c", "user.email=demo@localhost")
_ECR_IMAGE = re.compile(r"\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/pythonbase\b")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the first commit of a service's repository must fit to."""

    repository: str
    branch: str
    dockerfile: str
    base_image: str
    region: str


def repository_path(instance: Instance, repository: str) -> Path:
    """Where the bare repository ``workspace/name`` is: the URL to push to."""
    return instance.bitbucket / f"{repository}.git"


def create_repository(instance: Instance, repository: str, branch: str) -> Path:
    """Create an empty bare repository, unless it exists."""
    path = repository_path(instance, repository)
    if not path.exists():
        run(["git", "init", "--quiet", "--bare", f"--initial-branch={branch}", path])
    return path


def head(instance: Instance, repository: str, branch: str) -> str | None:
    """The commit id of a branch, or None while nothing was pushed."""
    path = repository_path(instance, repository)
    try:
        return run(["git", "-C", path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"]).strip()
    except CommandError:
        return None


def push_sample(instance: Instance, sample: Sample) -> None:
    """Push the repository's example as the first commit, or add what is missing for another service of the same one."""
    with tempfile.TemporaryDirectory(dir=instance.home) as folder:
        clone = Path(folder) / "clone"
        run(["git", "clone", "--quiet", repository_path(instance, sample.repository), clone])
        run(["git", "-C", clone, "checkout", "--quiet", "-B", sample.branch])
        shutil.copytree(instance.root / "examples" / "hello", clone, dirs_exist_ok=True)
        _place_dockerfile(clone, sample)
        run(["git", "-C", clone, "add", "--all"])
        run(["git", "-C", clone, *_AUTHOR, "commit", "--quiet", "--allow-empty", "--message", "Say hello"])
        run(["git", "-C", clone, "push", "--quiet", "origin", sample.branch])


def _place_dockerfile(clone: Path, sample: Sample) -> None:
    """The example's Dockerfile names a Region and a base image; this service may have others."""
    source = clone / "Dockerfile"
    text = _ECR_IMAGE.sub(
        f".dkr.ecr.{sample.region}.amazonaws.com/{sample.base_image}", source.read_text(encoding="utf-8")
    )
    target = clone / sample.dockerfile
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")

"""The image that stands in for CodeBuild's curated images: what buildspecs call, from Debian packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pythonbase_localcloud.images import rootfs
from pythonbase_localcloud.machine.commands import CommandError, run
from pythonbase_localcloud.machine.locks import held
from pythonbase_localcloud.machine.progress import Report

TAG = "localcloud/codebuild:1"
_LABEL = "localcloud.recipe"

CODEBUILD = rootfs.Recipe(
    name="codebuild",
    packages=(
        "awscli",
        "bash",
        "ca-certificates",
        "curl",
        "docker-buildx",
        "docker-cli",
        "git",
        "iptables",
        "jq",
        "python3",
        "python3-venv",
        "unzip",
        "zip",
    ),
    hooks=(
        rootfs.in_root("python3", "-m", "venv", "/usr/local"),
        'rm -f "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED',
    ),
    # thousands of files for `aws help`; each costs time when the image is unpacked
    excluded=("/usr/lib/python3/dist-packages/awscli/examples/*",),
)
_BASE = "public.ecr.aws/docker/library/debian:trixie-slim"
"""Where Debian's tools are not at hand (no root, or another distribution), the same packages go on top of this."""


def archive_path(cache: Path) -> Path:
    """Where the archive of the image's file system is or will be."""
    return cache / "images" / f"{CODEBUILD.name}-{CODEBUILD.fingerprint}.tar"


def ensure_archive(cache: Path, *, log: Path, report: Report) -> Path:
    """Return the tar archive of the image's file system, made once below `cache`; needs root and mmdebstrap."""
    archive = archive_path(cache)
    with held(cache / "images" / f"{CODEBUILD.name}.lock"):
        if not archive.exists():
            report("makes the CodeBuild image from Debian packages (once, about a minute)")
            rootfs.make(CODEBUILD, archive, log=log)
            report("the CodeBuild image is made")
    return archive


def is_loaded(docker: Path, environment: Mapping[str, str]) -> bool:
    """Whether the engine has the image, made from the recipe as it is now."""
    template = f'{{{{index .Config.Labels "{_LABEL}"}}}}'
    try:
        found = run([docker, "image", "inspect", "--format", template, TAG], env=environment)
    except CommandError:
        return False
    return found.strip() == CODEBUILD.fingerprint


def load(archive: Path, *, docker: Path, environment: Mapping[str, str]) -> None:
    """Import the archive into the engine as `TAG`."""
    changes = [
        "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        "ENV LANG=C.UTF-8",
        'CMD ["bash"]',
        f"LABEL {_LABEL}={CODEBUILD.fingerprint}",
    ]
    words = [word for change in changes for word in ("--change", change)]
    run([docker, "import", *words, archive, TAG], env=environment)


def build(*, docker: Path, environment: Mapping[str, str], log: Path) -> None:
    """Build the image on top of Debian's own; needs public.ecr.aws."""
    dockerfile = (
        f"FROM {_BASE}\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends "
        f"{' '.join(CODEBUILD.packages)} && rm -rf /var/lib/apt/lists/* && python3 -m venv /usr/local\n"
        f'LABEL {_LABEL}={CODEBUILD.fingerprint}\nCMD ["bash"]\n'
    )
    run([docker, "build", "--tag", TAG, "-"], env=environment, stdin=dockerfile.encode(), log=log, timeout=1200)

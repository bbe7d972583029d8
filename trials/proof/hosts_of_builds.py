"""A clean host for each build: the box's engine, emptied of the base image and of the builder's cache."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import CommandError, LocalCloudError, run


@dataclass(frozen=True, kw_only=True)
class CleanHost:
    """The engine of an instance. `docker_config` is a directory of log-ins (left out: the instance's own)."""

    instance: Instance
    docker_config: Path | None = field(default=None)

    def docker(self, *words: str | Path, stdin: bytes | None = None) -> str:
        """Run the docker program. Raises `CommandError` with its output."""
        environment = {**os.environ, **self.instance.environment()}
        if self.docker_config is not None:
            environment["DOCKER_CONFIG"] = str(self.docker_config)
        return run(["docker", *words], env=environment, stdin=stdin)

    def clean(self, *images: str) -> None:
        """Remove the images, whatever was built from them, and what the builder remembers.

        This is what a host that was just started looks like to a registry, and takes a fraction of a second.
        Raises `LocalCloudError` if an image is still there: then a build would prove nothing.
        """
        present = self._present(images)
        if present:
            self.docker("image", "rm", "--force", *present)
        self.docker("builder", "prune", "--all", "--force")
        left = self._present(images)
        if left:
            raise LocalCloudError(f"the host is not clean: it still has {', '.join(left)}")

    def build(self, folder: Path, *, tag: str) -> str:
        """Build a folder; the reason if that fails, else an empty text."""
        try:
            self.docker("buildx", "build", "--provenance=false", "--progress=plain", "--tag", tag, folder)
        except CommandError as error:
            return reason_of(str(error))
        return ""

    def _present(self, images: tuple[str, ...]) -> list[str]:
        found = self.docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.Repository}} {{.ID}}")
        lines = [line.split() for line in found.splitlines()]
        return sorted({identifier for full, name, identifier in lines if full in images or name in images})


def reason_of(output: str) -> str:
    """The line of a builder's output that says why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    # what the registry said, without the addresses and digests that the builder puts in front of it
    return telling[-1].rpartition("Server message: ")[2] if telling else "no reason was printed"

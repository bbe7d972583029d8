"""The box as a privileged container of the user's own Docker engine, made from nothing but this machine's files.

No image is pulled: a tiny one holding only the machine's top-level symbolic links is imported, and the machine's real
top-level directories are mounted into it. Inside, the machine's own `dockerd` runs as in the other kind of box.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.box.config import BoxConfig
from pythonbase_localcloud.box.namespace_box import CONFIG_FILE, RECORD_FILE, Box
from pythonbase_localcloud.box.preparation import LISTENERS, MACHINE_ETC
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import CommandError, LocalCloudError, run

_NOT_SHARED = frozenset({"proc", "sys", "dev", "run", "etc", "boot", "lost+found"})
"""What the container has of its own, or has no use for."""
_HAND_OVER_SECONDS = 15.0


@dataclass(frozen=True)
class ContainerBox:
    """A box that the user's engine knows as container `instance.identifier`."""

    instance: Instance
    docker: str
    """The docker program."""
    host: str
    """Address of the user's engine."""

    def is_running(self) -> bool:
        try:
            return self._docker("inspect", "--format", "{{.State.Running}}", self.instance.identifier).strip() == "true"
        except CommandError:
            return False

    def stop(self) -> None:
        if self.is_running():
            self._docker("stop", "-t", "75", self.instance.identifier)
        for words in (
            ("rm", "--force", "--volumes", self.instance.identifier),
            ("image", "rm", "--force", self.instance.identifier),
        ):
            try:
                self._docker(*words)
            except CommandError as error:
                if "No such" not in str(error):
                    raise

    def restart_server(self) -> None:
        self._docker("kill", "--signal", "HUP", self.instance.identifier)

    def leftovers(self) -> list[str]:
        found = self._docker("ps", "--all", "--quiet", "--filter", f"name=^{self.instance.identifier}$").split()
        return [f"container {name}" for name in found]

    def remove_files(self) -> None:
        """Remove what the box's root has written, which a user without its rights cannot."""
        self._import_image()
        target = self.instance.home
        words = ["run", "--rm", "--network", "none", *_mount_options(), self.instance.identifier]
        self._docker(*words, "rm", "-rf", "--one-file-system", str(target / "engine"), str(target / "run"))
        self._docker("image", "rm", "--force", self.instance.identifier)

    def _docker(self, *words: str, stdin: bytes | None = None) -> str:
        return run([self.docker, *words], env=_client_environment(self.host), stdin=stdin)

    def _import_image(self) -> None:
        self._docker("import", "-", self.instance.identifier, stdin=machine_skeleton())

    def start(self, config: BoxConfig, *, listeners: Sequence[socket.socket], environment: Mapping[str, str]) -> None:
        """Start the container and give it the sockets; raises `LocalCloudError` with the reason if it cannot."""
        self.stop()
        self._import_image()
        config_file = self.instance.run / CONFIG_FILE
        config.save(config_file)
        record = {"kind": "container", "docker": self.docker, "host": self.host}
        (self.instance.run / RECORD_FILE).write_text(json.dumps(record))
        words = ["run", "--detach", "--privileged", "--name", self.instance.identifier, "--hostname", "localcloud"]
        # the inner engine's control groups go below the container's and end with it
        words += ["--cgroupns", "private", "--userns", "host", "--security-opt", "label=disable"]
        words += ["--tmpfs", "/run:mode=755,exec", "--workdir", str(self.instance.home)]
        words += ["--label", f"localcloud.home={self.instance.home}", *_mount_options()]
        for name, value in environment.items():
            words += ["--env", f"{name}={value}"]
        words += [self.instance.identifier, sys.executable, "-m", "pythonbase_localcloud.box.init", str(config_file)]
        self._docker(*words)
        self._hand_over(listeners)

    def _hand_over(self, listeners: Sequence[socket.socket]) -> None:
        """Give the box the sockets that listen on this machine's loopback.

        A socket stays in the network namespace in which it was made. A published port would need one that listens on
        the engine's bridge, which everybody on this machine and in other containers can reach.
        """
        path, deadline = self.instance.run / LISTENERS, time.monotonic() + _HAND_OVER_SECONDS
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                try:
                    connection.connect(str(path))
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise LocalCloudError(f"the box does not take its sockets: {error}") from error
                    time.sleep(0.1)
                    continue
                socket.send_fds(connection, [b"listeners"], [listener.fileno() for listener in listeners])
                return


def start(
    instance: Instance,
    config: BoxConfig,
    *,
    gateway: socket.socket,
    front: socket.socket,
    docker: str,
    host: str,
    environment: Mapping[str, str],
) -> Box:
    """Start a box of kind `container` on the engine at `host` and return it.

    `gateway` and `front` are bound on the machine's loopback, as for the other kind of box.
    """
    box = ContainerBox(instance, docker, host)
    try:
        box.start(config, listeners=(gateway, front), environment=environment)
    except LocalCloudError:
        box.stop()
        raise
    return box


def machine_skeleton(root: Path = Path("/")) -> bytes:
    """A tar archive with the top-level symbolic links of `root` and an empty directory for each directory."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for entry in sorted(root.iterdir()):
            member = tarfile.TarInfo(entry.name)
            if entry.is_symlink():
                member.type, member.linkname = tarfile.SYMTYPE, os.readlink(entry)
            elif entry.is_dir():
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            else:
                continue
            archive.addfile(member)
        member = tarfile.TarInfo(MACHINE_ETC.removeprefix("/"))
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    return target.getvalue()


def _mount_options() -> list[str]:
    options = ["--volume", f"/etc:{MACHINE_ETC}:ro"]
    for entry in sorted(Path("/").iterdir()):
        if entry.is_dir() and not entry.is_symlink() and entry.name not in _NOT_SHARED:
            options += ["--volume", f"{entry}:{entry}"]
    return options


def _client_environment(host: str) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("DOCKER_CONTEXT", "DOCKER_CONFIG")}
    return {**environment, "DOCKER_HOST": host}

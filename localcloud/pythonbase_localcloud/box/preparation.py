"""What the box's first process does before it starts programs: mounts, listening sockets, control groups.

Only the standard library, as in `init`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from pathlib import Path

from pythonbase_localcloud.box.config import BoxConfig

MACHINE_ETC = "/machine-etc"
"""Where a container of kind `container` finds the machine's /etc; see container_box.py."""
LISTENERS = "listeners.sock"
"""Where it gets the sockets on the machine's loopback, in the instance's folder `run`."""
_HAND_OVER_SECONDS = 15.0


def prepare(config: BoxConfig) -> tuple[int | None, int | None]:
    """Mount what the box sees instead of the machine's own; returns the sockets on the machine's loopback."""
    gateway, front = config.listen_fd, config.front_fd
    if config.kind == "namespace":
        _run("mount", "-t", "proc", "proc", "/proc")
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
        _run("ip", "link", "set", "lo", "up")
        # the AWS server listens on port 443 of this namespace also where it is not root
        Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    else:
        _log_to(Path(config.logs) / "box.log")
        gateway, front = _receive_listeners(Path(config.run) / LISTENERS, user=config.user)
        own_resolver = Path("/etc/resolv.conf").read_text()
        _run("mount", "--rbind", MACHINE_ETC, "/etc")
        resolver = Path(config.run) / "resolv.conf"
        resolver.write_text(own_resolver)
        _put(str(resolver), "/etc/resolv.conf")
        _prepare_control_groups()
        with contextlib.suppress(OSError):
            Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    if config.resolv_conf is not None:
        _put(config.resolv_conf, "/etc/resolv.conf")
    _put(config.hosts, "/etc/hosts")
    return gateway, front


def _put(source: str, target: str) -> None:
    real = Path(target).resolve()
    if not real.exists() and real.is_relative_to("/run"):
        # /etc/resolv.conf is often a link into /run, which is empty in here
        real.parent.mkdir(parents=True, exist_ok=True)
        real.touch()
    _run("mount", "--bind", source, str(real))


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603  our own command lines
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")


def _receive_listeners(path: Path, *, user: int) -> list[int]:
    """The sockets that listen on the machine's loopback, from the user who starts this container (`container_box`)."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        path.chmod(0o600)
        os.chown(path, user, -1)
        server.listen(1)
        server.settimeout(_HAND_OVER_SECONDS)
        connection, _ = server.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 64, 2)
    path.unlink()
    return descriptors


def _log_to(path: Path) -> None:
    """Send what this process prints to a file: the user's engine forgets it with the container."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _prepare_control_groups() -> None:
    """Let the inner engine make groups with controllers: version 2 allows that only where no process sits.

    The same is done by the entry point of Docker's own docker-in-docker image.
    """
    root = Path("/sys/fs/cgroup")
    controllers = root / "cgroup.controllers"
    if not controllers.exists():
        return
    inner = root / "init"
    inner.mkdir(exist_ok=True)
    for pid in (root / "cgroup.procs").read_text().split():
        with contextlib.suppress(OSError):
            (inner / "cgroup.procs").write_text(pid)
    enabled = " ".join(f"+{name}" for name in controllers.read_text().split())
    (root / "cgroup.subtree_control").write_text(enabled)

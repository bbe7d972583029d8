"""The box as namespaces of this machine: started, found again and ended from outside."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pythonbase_localcloud.box import cgroups, network
from pythonbase_localcloud.box.config import BoxConfig
from pythonbase_localcloud.box.init import STATE_FILE
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import LocalCloudError, detach

RECORD_FILE = "box.json"
CONFIG_FILE = "box-config.json"
_GREETING_SECONDS = 15.0
_STOP_SECONDS = 75.0
"""Longer than the box's own limits for the server, the containers and the engine together."""


class Box(Protocol):
    """What the life cycle needs of a box, whichever kind it is."""

    def is_running(self) -> bool: ...

    def stop(self) -> None:
        """End everything in the box and wait for that."""

    def restart_server(self) -> None:
        """Start the AWS server anew with the configuration file as it is now."""

    def leftovers(self) -> list[str]:
        """What is still there of the box, in words; empty after a clean stop."""


@dataclass(frozen=True)
class NamespaceBox:
    """A box of `unshare`; the machine knows its first process by `pid`, and when that started (clock ticks)."""

    instance: Instance
    pid: int
    started: int

    def is_running(self) -> bool:
        return self.pid > 0 and _start_time(self.pid) == self.started

    def stop(self) -> None:
        if self.is_running():
            os.kill(self.pid, signal.SIGTERM)
            if not self._ended_within(_STOP_SECONDS):
                # the end of a PID namespace's first process ends all of them
                os.kill(self.pid, signal.SIGKILL)
                self._ended_within(5)
        cgroups.remove(self.instance.identifier)

    def restart_server(self) -> None:
        os.kill(self.pid, signal.SIGHUP)

    def leftovers(self) -> list[str]:
        left = [f"process {self.pid}"] if self.is_running() else []
        left += [f"control group {path}" for path in cgroups.leftover(self.instance.identifier)]
        left += [f"process {pid}" for pid in _processes_mentioning(str(self.instance.run))]
        home = f"{self.instance.home}/"
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        left += [f"mount {line.split()[4]}" for line in mounts if line.split()[4].startswith(home)]
        return left

    def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def start(
    instance: Instance,
    config: BoxConfig,
    *,
    gateway: socket.socket,
    front: socket.socket,
    environment: Mapping[str, str],
) -> Box:
    """Start a box of kind `namespace` and return it once its network is there; needs root.

    `gateway` and `front` are bound on the machine's loopback; programs in the box inherit them, since a socket stays
    in the network namespace in which it was made.
    """
    hello, hello_writer = os.pipe()
    go_reader, go = os.pipe()
    alive, alive_writer = os.pipe()
    config_file = instance.run / CONFIG_FILE
    listeners = (gateway.fileno(), front.fileno())
    config = replace(config, hello_fd=hello_writer, go_fd=go_reader, listen_fd=listeners[0], front_fd=listeners[1])
    config.save(config_file)
    try:
        detach(
            [
                "unshare",
                *("--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--"),
                *(sys.executable, "-m", "pythonbase_localcloud.box.init", config_file),
            ],
            log=instance.logs / "box.log",
            # alive_writer: open as long as the box's first process lives, which is what ends slirp4netns
            descriptors=(hello_writer, go_reader, alive_writer, *listeners),
            env=environment,
            cwd=instance.home,
        )
        for descriptor in (hello_writer, go_reader, alive_writer):
            os.close(descriptor)
        pid = _greeting(hello, log=instance.logs / "box.log")
        box = NamespaceBox(instance, pid, _start_time(pid))
        record = {"kind": "namespace", "pid": pid, "started": box.started}
        (instance.run / RECORD_FILE).write_text(json.dumps(record))
        try:
            network.connect(pid=pid, exit_descriptor=alive, log=instance.logs / "slirp.log")
            os.write(go, b"1")
        except BaseException:
            box.stop()
            raise
        return box
    finally:
        for descriptor in (hello, go, alive):
            os.close(descriptor)


def state(instance: Instance) -> tuple[str, str]:
    """What the box says about itself: phase and error; both empty if it said nothing yet."""
    try:
        values = json.loads((instance.run / STATE_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return "", ""
    return str(values["phase"]), str(values["error"])


def _greeting(hello: int, *, log: Path) -> int:
    readable, _, _ = select.select([hello], [], [], _GREETING_SECONDS)
    text = os.read(hello, 32) if readable else b""
    if not text:
        tail = log.read_text(errors="replace").strip().splitlines()[-5:]
        raise LocalCloudError("the box did not start (namespaces need root):\n    " + "\n    ".join(tail))
    return int(text)


def _start_time(pid: int) -> int:
    """When the process started, in clock ticks after boot: tells it from a later one of its number; -1 if gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return -1 if fields[0] in ("Z", "X") else int(fields[19])


def _processes_mentioning(text: str) -> list[int]:
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            with contextlib.suppress(OSError):
                if text in (directory / "cmdline").read_text(errors="replace"):
                    found.append(int(directory.name))
    return found

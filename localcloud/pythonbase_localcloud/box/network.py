"""The box's way to the internet: slirp4netns, a user-mode network stack that needs nothing of the machine's network."""

from __future__ import annotations

import os
import select
from pathlib import Path

from pythonbase_localcloud.machine.commands import LocalCloudError, detach

NAMESERVER = "10.0.2.3"
"""slirp4netns answers DNS there and asks the machine's own resolver."""

_READY_SECONDS = 15.0


def connect(*, pid: int, exit_descriptor: int, log: Path) -> None:
    """Give the network namespace of process `pid` a device `tap0` with internet.

    slirp4netns ends when the other end of the pipe `exit_descriptor` is closed, that is with the box. The machine's
    loopback stays out of reach. Raises `LocalCloudError` if the device is not there after 15 s.
    """
    ready, ready_writer = os.pipe()
    options = ["--configure", "--mtu=65520", "--disable-host-loopback"]
    options += [f"--ready-fd={ready_writer}", f"--exit-fd={exit_descriptor}"]
    try:
        detach(["slirp4netns", *options, str(pid), "tap0"], log=log, descriptors=(ready_writer, exit_descriptor))
        os.close(ready_writer)
        readable, _, _ = select.select([ready], [], [], _READY_SECONDS)
        if not readable or os.read(ready, 1) != b"1":
            raise LocalCloudError(f"slirp4netns could not connect the box to the network, see {log}")
    finally:
        os.close(ready)


def resolver_configuration(machine: str) -> str:
    """The box's /etc/resolv.conf: slirp's name server, with the search domains of the machine's file `machine`."""
    kept = [line for line in machine.splitlines() if line.split()[:1] in (["search"], ["domain"])]
    return "\n".join([f"nameserver {NAMESERVER}", *kept]) + "\n"

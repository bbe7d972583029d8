"""What the launcher tells the box's first process. Only the standard library: the box starts with this."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

BoxKind = Literal["namespace", "container"]
"""`namespace`: namespaces made by `unshare`; `container`: a privileged container of the user's Docker engine."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program that runs in the box: command line and complete environment."""

    argv: list[str]
    env: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class BoxConfig:
    """The box: files to put in place, programs to run, inherited file descriptors."""

    kind: BoxKind
    run: str
    """Directory of sockets and of the state file."""
    logs: str
    resolv_conf: str | None
    """File that becomes /etc/resolv.conf; None keeps what the container got."""
    hosts: str
    docker_socket: str
    docker_cli: str
    engine: Program
    upstream: Program
    front: Program
    server: Program
    docker_hub: Program | None = None
    """The stand-in for Docker Hub, where there is one."""
    user: int
    group: int
    """Who the AWS server runs as."""
    listen_fd: int | None = None
    """The socket that listens on the machine's loopback; None: it is handed over later (kind `container`)."""
    front_fd: int | None = None
    """The same for the front that serves load balancers."""
    hello_fd: int | None = None
    """Where to write the process id that the machine knows the box by."""
    go_fd: int | None = None
    """Says when the network is there."""

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> BoxConfig:
        values = json.loads(path.read_text())
        for name in ("engine", "upstream", "front", "server"):
            values[name] = Program(**values[name])
        if values.get("docker_hub") is not None:
            values["docker_hub"] = Program(**values["docker_hub"])
        return cls(**values)

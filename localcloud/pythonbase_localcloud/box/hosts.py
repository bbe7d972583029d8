"""The box's /etc/hosts: registry names that mean the local cloud in there, and nowhere else on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

GATEWAY_ADDRESS = "127.0.0.1"
BITBUCKET_API = "api.bitbucket.org"
"""Bitbucket Cloud's API, which the gateway plays."""
BITBUCKET_TOKEN = "local"  # noqa: S105 - of a stand-in that only this machine can reach
"""The one token, of any kind and for any repository, that it takes."""


def ecr_name(account: str, region: str) -> str:
    """The host name of an account's ECR registry in a region."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{account}.dkr.ecr.{region}.{suffix}"


def render(machine: str, names: Mapping[str, str]) -> str:
    """The machine's hosts file with `names` (name -> address) in front."""
    lines = [f"{address} {name}" for name, address in names.items()]
    return "\n".join([*lines, "127.0.0.1 localhost", machine.strip()]) + "\n"


def known(path: Path) -> set[str]:
    """All names in the file."""
    lines = (line.partition("#")[0].split() for line in path.read_text().splitlines())
    return {name for words in lines for name in words[1:]}


def move(path: Path, name: str, address: str) -> None:
    """Let a name of the box's hosts file mean another address; written in place, as `add_hosts` does."""
    kept = [line for line in path.read_text().splitlines() if name not in line.partition("#")[0].split()[1:]]
    descriptor = os.open(path, os.O_WRONLY)
    try:
        content = "\n".join([f"{address} {name}", *kept, ""]).encode()
        os.write(descriptor, content)
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def add_hosts(path: Path, names: Iterable[str], *, address: str = GATEWAY_ADDRESS) -> list[str]:
    """Add names to the box's hosts file while it is in use; returns those that were new.

    The file is mounted over /etc/hosts, so it is extended in place and never replaced. Programs in Go (the engine)
    look again after at most 5 seconds.
    """
    new = [name for name in dict.fromkeys(names) if name not in known(path)]
    if new:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, "".join(f"{address} {name}\n" for name in new).encode())
        finally:
            os.close(descriptor)
    return new

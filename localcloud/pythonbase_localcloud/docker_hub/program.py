"""Where the stand-in's programs come from, and what the box is told about it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.box.config import Program
from pythonbase_localcloud.box.tls import Certificate
from pythonbase_localcloud.docker_hub.control import control_socket
from pythonbase_localcloud.docker_hub.names import VARIABLE
from pythonbase_localcloud.engine import packages
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.locks import held
from pythonbase_localcloud.machine.progress import Report

_PACKAGES = ("docker-registry", "busybox-static")
_TUNABLE = tuple(VARIABLE + name for name in ("ANONYMOUS_LIMIT", "USER_LIMIT", "WINDOW"))


@dataclass(frozen=True)
class Programs:
    """docker-registry, and the busybox that tiny images are made of."""

    registry: Path
    busybox: Path


def can_be_obtained(cache: Path) -> bool:
    """Whether `obtain` can work: the programs are there, or this is Debian or Ubuntu."""
    return _is_there(_programs(cache)) or packages.distribution().has_apt


def obtain(cache: Path, *, report: Report) -> Programs:
    """The programs; their Debian packages are downloaded and unpacked below `cache` once, and not installed."""
    found = _programs(cache)
    with held(cache / "docker-hub" / "lock"):
        if not _is_there(found):
            report("downloads the packages of the registry that stands in for Docker Hub")
            _download(_root(cache))
    return found


def box_program(
    instance: Instance,
    programs: Programs,
    *,
    certificate: Certificate,
    python_image: Path,
    base: Mapping[str, str],
    environment: Mapping[str, str],
) -> Program:
    """The stand-in's command line and environment. `environment` is the user's, with limits if any are set there."""
    values = {
        "PROGRAM": programs.registry,
        "BUSYBOX": programs.busybox,
        "STATE": instance.home / "docker-hub",
        "PYTHON": python_image,
        "RECORD": instance.home / "upstream.json",
        "CERT": certificate.certificate,
        "KEY": certificate.key,
        "SOCKET": control_socket(instance),
    }
    return Program(
        argv=[sys.executable, "-m", "pythonbase_localcloud.docker_hub.server"],
        env={
            **base,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **{name: environment[name] for name in _TUNABLE if name in environment},
            **{VARIABLE + name: os.fspath(value) for name, value in values.items()},
        },
    )


def _root(cache: Path) -> Path:
    return cache / "docker-hub" / (packages.distribution().codename or "programs")


def _programs(cache: Path) -> Programs:
    return Programs(_root(cache) / "usr" / "bin" / "docker-registry", _root(cache) / "bin" / "busybox")


def _is_there(programs: Programs) -> bool:
    return programs.registry.exists() and programs.busybox.exists()


def _download(root: Path) -> None:
    machine, sources = packages.distribution(), packages.configured_sources()
    partial = root.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    if machine.identifier == "ubuntu":
        chosen = packages.sources_of(machine.codename, sources)
    else:
        chosen = packages.sources_for(machine.codename, machine=machine, sources=sources)
    apt = packages.PrivateApt(partial / "apt", chosen)
    apt.update()
    apt.download(_PACKAGES, partial / "archives")
    for archive in (partial / "archives").glob("*.deb"):
        packages.unpack(archive, partial / "root")
    shutil.rmtree(root, ignore_errors=True)
    # since trixie's merged /usr, busybox is in usr/bin
    busybox = partial / "root" / "bin" / "busybox"
    if not busybox.exists():
        busybox.parent.mkdir(exist_ok=True)
        (partial / "root" / "usr" / "bin" / "busybox").rename(busybox)
    (partial / "root").rename(root)
    shutil.rmtree(partial)

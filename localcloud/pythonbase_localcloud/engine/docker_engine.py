"""Which Docker engine the box runs on: the user's running one, the machine's programs, or unpacked packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pythonbase_localcloud.engine import packages
from pythonbase_localcloud.machine.commands import CommandError, LocalCloudError, run
from pythonbase_localcloud.machine.locks import held
from pythonbase_localcloud.machine.progress import Report

MINIMUM_MAJOR = 23
"""The first Docker whose BuildKit applies source policies, which is what keeps Docker Hub out of service builds."""

LABEL = "localcloud.home"
"""Label of our own engines: `up` in a shell that uses one must not take it for the user's."""

_NEWER_RELEASE = "trixie"
"""The Debian release whose engine also runs on the one before (tried on bookworm), but not its containerd and runc."""

_PLUGIN_DIRECTORIES = (
    Path("$DOCKER_CONFIG/cli-plugins"),
    Path("~/.docker/cli-plugins"),
    Path("/usr/local/lib/docker/cli-plugins"),
    Path("/usr/local/libexec/docker/cli-plugins"),
    Path("/usr/lib/docker/cli-plugins"),
    Path("/usr/libexec/docker/cli-plugins"),
)


@dataclass(frozen=True)
class EnginePrograms:
    """Where an engine's programs are: `directories` hold dockerd, containerd, runc and what they call."""

    docker: Path
    dockerd: Path
    runc: Path
    buildx: Path
    directories: tuple[Path, ...]
    version: str


@dataclass(frozen=True)
class UserEngine:
    """A running engine of the user's: the `docker` that reaches it, its address and version."""

    docker: str
    host: str
    version: str


@dataclass(frozen=True)
class Choice:
    """How the engine is to run: `programs` None means that they come from packages, `user_engine` None as root."""

    programs: EnginePrograms | None
    user_engine: UserEngine | None
    machine: packages.Distribution

    def obtain(self, cache: Path, *, report: Report) -> EnginePrograms:
        """The programs to run in the box; packages are downloaded and unpacked below `cache` the first time."""
        return self.programs or unpacked_programs(cache, machine=self.machine, report=report)


def choose(*, environment: Mapping[str, str], cache: Path, log: Path, report: Report) -> Choice:
    """Choose the engine: a usable running one; else a private one, as root; else raise `LocalCloudError` with the cure.

    `environment` is the user's (DOCKER_HOST, DOCKER_CONTEXT). Missing tools are installed, with `log` as their log and
    a lock below `cache`.
    """
    reasons: list[str] = []
    machine = packages.distribution()
    programs = machine_programs()
    user_engine = find_user_engine(environment, reasons=reasons)
    if user_engine is not None and programs is not None:
        report(f"uses the running Docker engine {user_engine.version} for a box of its own")
        return Choice(programs, user_engine, machine)
    if user_engine is not None:
        reasons.append(
            f"Docker engine {user_engine.version} runs, but the programs dockerd (version {MINIMUM_MAJOR} or later), "
            "containerd, runc and docker-buildx are not all on this machine"
        )
    if os.geteuid() != 0:
        raise _no_engine([*reasons, "a private engine needs root"])
    if programs is None and not machine.has_apt:
        raise _no_engine([*reasons, "a private engine is made from packages of Debian or Ubuntu only"])
    _install_tools(machine, needs_engine=programs is None, cache=cache, log=log, report=report)
    return Choice(programs, None, machine)


def find_user_engine(environment: Mapping[str, str], *, reasons: list[str]) -> UserEngine | None:
    """The running engine that the user's `docker` talks to, if the local cloud can use it.

    It must be on this machine (a Unix socket, no virtual machine), rootful, recent enough and not one of ours. If it
    is not, `reasons` gets the reason.
    """
    docker = shutil.which("docker", path=environment.get("PATH"))
    if docker is None:
        reasons.append("there is no docker program")
        return None
    try:
        host = environment.get("DOCKER_HOST") or _docker(
            docker, environment, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"
        )
        info = json.loads(_docker(docker, environment, "info", "--format", "{{json .}}"))
    except (CommandError, ValueError):
        reasons.append("no Docker engine answers")
        return None
    version = str(info.get("ServerVersion") or "")
    if info.get("ServerErrors") or not version:
        reasons.append("no Docker engine answers")
        return None
    if any(str(label).startswith(f"{LABEL}=") for label in info.get("Labels") or []):
        return None
    obstacles = {
        f"is older than {MINIMUM_MAJOR}": packages.major(version) < MINIMUM_MAJOR,
        f"is not on this machine ({host})": not host.startswith("unix://"),
        "runs in a virtual machine": info.get("OperatingSystem") == "Docker Desktop",
        "is rootless": any("rootless" in str(option) for option in info.get("SecurityOptions") or []),
    }
    found = [text for text, applies in obstacles.items() if applies]
    if found:
        reasons.append(f"Docker engine {version} {' and '.join(found)}")
        return None
    return UserEngine(docker, host, version)


def machine_programs() -> EnginePrograms | None:
    """The engine's programs as installed on this machine; None if one is missing or too old."""
    found = [packages.find_program(name) for name in ("docker", "dockerd", "runc", "containerd")]
    buildx = next(
        (
            plugin
            for place in _PLUGIN_DIRECTORIES
            if (plugin := Path(os.path.expandvars(place.expanduser())) / "docker-buildx").is_file()
        ),
        None,
    )
    docker, dockerd, runc, containerd = found
    if docker is None or dockerd is None or runc is None or containerd is None or buildx is None:
        return None
    version = _version(dockerd)
    if packages.major(version) < MINIMUM_MAJOR:
        return None
    directories = tuple(dict.fromkeys(program.parent for program in (dockerd, containerd, runc)))
    return EnginePrograms(docker, dockerd, runc, buildx, directories, version)


def unpacked_programs(cache: Path, *, machine: packages.Distribution, report: Report) -> EnginePrograms:
    """The engine's programs from the distribution's packages, unpacked below `cache` and not installed.

    An installed `docker.io` would start a system service; unpacked, nothing on the machine changes.
    """
    root = cache / "engine" / (machine.codename or machine.identifier)
    with held(cache / "engine" / "lock"):
        if not (root / "complete").exists():
            report("downloads the Docker engine's packages")
            shutil.rmtree(root, ignore_errors=True)
            _download_engine(root, machine)
            (root / "complete").touch()
    directories = (root / "usr" / "sbin", root / "usr" / "bin")
    programs = {}
    for name in ("docker", "dockerd", "runc", "containerd"):
        found = shutil.which(name, path=os.pathsep.join(map(str, directories)))
        if found is None:
            raise LocalCloudError(
                f"the distribution's packages hold no {name}; install Docker {MINIMUM_MAJOR} or later"
            )
        programs[name] = Path(found)
    buildx = next(root.glob("usr/lib*/docker/cli-plugins/docker-buildx"), None)
    if buildx is None:
        raise LocalCloudError("the distribution's packages hold no docker-buildx; install Docker's buildx plugin")
    return EnginePrograms(
        programs["docker"], programs["dockerd"], programs["runc"], buildx, directories, _version(programs["dockerd"])
    )


def _download_engine(root: Path, machine: packages.Distribution) -> None:
    sources = packages.configured_sources()
    own = packages.PrivateApt(root / "apt", packages.sources_for(machine.codename, machine=machine, sources=sources))
    newer = packages.PrivateApt(
        root / "apt-newer", packages.sources_for(_NEWER_RELEASE, machine=machine, sources=sources)
    )
    archives = root / "archives"
    if machine.identifier == "ubuntu" or machine.codename == _NEWER_RELEASE:
        own = packages.PrivateApt(root / "apt", packages.sources_of(machine.codename, sources))
        own.update()
        client = own
    else:
        with ThreadPoolExecutor() as pool:
            list(pool.map(packages.PrivateApt.update, (own, newer)))
        candidate = own.candidate("docker.io") or ""
        client = own if packages.major(candidate) >= MINIMUM_MAJOR else newer
    # Debian has the docker program and the init program apart from docker.io since trixie, Ubuntu has not
    wanted = [
        name for name in ("docker.io", "docker-cli", "docker-buildx", "tini") if client.candidate(name) is not None
    ]
    client.download(wanted, archives)
    own.download(["containerd", "runc"], archives)
    for archive in archives.glob("*.deb"):
        packages.unpack(archive, root)
    shutil.rmtree(archives)
    shutil.rmtree(root / "apt", ignore_errors=True)
    shutil.rmtree(root / "apt-newer", ignore_errors=True)


def _install_tools(
    machine: packages.Distribution, *, needs_engine: bool, cache: Path, log: Path, report: Report
) -> None:
    missing = packages.missing_tools(packages.TOOLS)
    if not missing:
        return
    names = sorted({packages.TOOLS[program] for program in missing})
    if not machine.has_apt:
        if not needs_engine and missing == ["mmdebstrap"]:
            return  # only needed where images are made from Debian packages
        raise LocalCloudError(f"these programs are missing: {', '.join(missing)}; install them and try again")
    report(f"installs the Debian packages {', '.join(names)}")
    packages.install(names, lock=cache / "packages.lock", log=log)


def _version(dockerd: Path) -> str:
    """The version that the program tells of itself; empty if it does not run here."""
    try:
        words = run([dockerd, "--version"], timeout=20).replace(",", " ").split()
    except CommandError:
        return ""
    return words[words.index("version") + 1] if "version" in words[:-1] else ""


def _docker(docker: str, environment: Mapping[str, str], *words: str) -> str:
    try:
        # the user's docker program with fixed words
        done = subprocess.run(  # noqa: S603
            [docker, *words], env=dict(environment), capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CommandError(f"{docker} {' '.join(words)}: {error}") from None
    return done.stdout.strip()


def _no_engine(reasons: list[str]) -> LocalCloudError:
    return LocalCloudError(
        "no Docker engine that the local cloud can use:\n"
        + "".join(f"  - {reason}\n" for reason in reasons)
        + f"Install Docker Engine {MINIMUM_MAJOR} or later with its buildx plugin on this Linux machine and start it\n"
        "(https://docs.docker.com/engine/install/), or run this as root on Debian or Ubuntu."
    )

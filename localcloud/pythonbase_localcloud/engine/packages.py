"""Debian and Ubuntu packages: which sources the machine has, what to unpack without installing, what to install."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pythonbase_localcloud.machine.commands import CommandError, LocalCloudError, run
from pythonbase_localcloud.machine.locks import held

TOOLS: Mapping[str, str] = {
    "git": "git",
    "ip": "iproute2",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "slirp4netns": "slirp4netns",
    "setsid": "util-linux",
    "unshare": "util-linux",
}
"""Programs that the local cloud calls, and the package that brings each."""


@dataclass(frozen=True, kw_only=True)
class AptSource:
    """One package source: what a stanza of a `.sources` file or a line of a `.list` file says."""

    types: tuple[str, ...]
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    """Further fields in the spelling of `.sources` files, such as `Signed-By`."""

    def render(self) -> str:
        """The source as a stanza of a `.sources` file."""
        lines = [
            f"Types: {' '.join(self.types)}",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
        ]
        if self.components:
            lines.append(f"Components: {' '.join(self.components)}")
        lines += [f"{name}: {value}" for name, value in self.options.items()]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Distribution:
    """What /etc/os-release says: `identifier` such as `debian`, `codename` such as `bookworm` (may be empty)."""

    identifier: str
    like: tuple[str, ...]
    codename: str

    @property
    def has_apt(self) -> bool:
        return bool({"debian", "ubuntu"} & {self.identifier, *self.like}) and shutil.which("apt-get") is not None


def distribution(os_release: Path = Path("/etc/os-release")) -> Distribution:
    """The machine's distribution; everything is empty on a system without an os-release file."""
    try:
        text = os_release.read_text()
    except FileNotFoundError:
        text = ""
    values = {
        name: value.strip().strip("\"'") for name, _, value in (line.partition("=") for line in text.splitlines())
    }
    return Distribution(
        values.get("ID", ""), tuple(values.get("ID_LIKE", "").split()), values.get("VERSION_CODENAME", "")
    )


def configured_sources(etc_apt: Path = Path("/etc/apt")) -> list[AptSource]:
    """All enabled binary package sources of the machine, in both of apt's formats."""
    found: list[AptSource] = []
    parts = etc_apt / "sources.list.d"
    for path in sorted(parts.glob("*.sources")):
        found += parse_deb822(path.read_text())
    for path in (etc_apt / "sources.list", *sorted(parts.glob("*.list"))):
        if path.is_file():
            found += parse_one_line(path.read_text())
    return found


def parse_deb822(text: str) -> list[AptSource]:
    """Sources of a `.sources` file: stanzas of fields; disabled ones and source-only ones are left out."""
    found = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n[ \t]*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t") and name:
                fields[name] += "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        types = tuple(fields.pop("types", "").split())
        enabled = fields.pop("enabled", "yes").lower() not in ("no", "false", "0")
        uris, suites = fields.pop("uris", "").split(), fields.pop("suites", "").split()
        components = tuple(fields.pop("components", "").split())
        if enabled and "deb" in types and uris and suites:
            options = {_option_name(key): value for key, value in fields.items()}
            found.append(
                AptSource(
                    types=("deb",), uris=tuple(uris), suites=tuple(suites), components=components, options=options
                )
            )
    return found


def parse_one_line(text: str) -> list[AptSource]:
    """Sources of a `.list` file: `deb [option=value …] uri suite component …`."""
    found = []
    for line in text.splitlines():
        match = re.match(
            r"\s*deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<rest>[^#]*)", line
        )
        if match is None:
            continue
        pairs = (word.partition("=") for word in (match["options"] or "").split())
        options = {_option_name(name): value.replace(",", " ") for name, _, value in pairs}
        found.append(
            AptSource(
                types=("deb",),
                uris=(match["uri"],),
                suites=(match["suite"],),
                components=tuple(match["rest"].split()),
                options=options,
            )
        )
    return found


def _option_name(name: str) -> str:
    """`signed-by` and its kind in the spelling of `.sources` files."""
    known = {"arch": "Architectures", "lang": "Languages"}
    return known.get(name.lower(), "-".join(part.capitalize() for part in name.split("-")))


def sources_of(codename: str, sources: Iterable[AptSource]) -> list[AptSource]:
    """Those that belong to the distribution's release itself: its suite, updates and security; nobody else's."""
    wanted = {codename, *(f"{codename}-{pocket}" for pocket in ("updates", "security"))}
    found = []
    for source in sources:
        suites = tuple(suite for suite in source.suites if suite in wanted)
        if suites:
            found.append(replace(source, suites=suites))
    return found


def sources_for(codename: str, *, machine: Distribution, sources: Sequence[AptSource]) -> list[AptSource]:
    """Where to find Debian release `codename`: the mirror that a Debian machine has, else Debian's own address.

    On a Debian machine the mirror, its options and its key are the configured ones, with the suite exchanged.
    """
    if machine.identifier == "debian":
        if machine.codename == codename:
            return sources_of(codename, sources)
        for source in sources:
            if machine.codename in source.suites:
                return [replace(source, suites=(codename,), components=("main",))]
    return [
        AptSource(
            types=("deb",),
            uris=("http://deb.debian.org/debian",),
            suites=(codename,),
            components=("main",),
            options={"Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg"},
        )
    ]


class PrivateApt:
    """apt with its own sources and lists, so that the machine's own are neither needed nor changed.

    It only looks up and downloads; nothing is installed by it.
    """

    def __init__(self, directory: Path, sources: Sequence[AptSource]) -> None:
        self._directory = directory
        self._sources = sources

    def update(self) -> None:
        """Fetch the lists of packages."""
        parts = self._directory / "sources.list.d"
        parts.mkdir(parents=True, exist_ok=True)
        (parts / "localcloud.sources").write_text("\n".join(source.render() for source in self._sources))
        (self._directory / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self._directory / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        run(["apt-get", *self._options(), "update"])

    def candidate(self, package: str) -> str | None:
        """The version that would be downloaded, None if the sources lack the package."""
        policy = run(["apt-cache", *self._options(), "policy", package])
        match = re.search(r"^\s*Candidate: (\S+)", policy, re.MULTILINE)
        return match[1] if match is not None and match[1] != "(none)" else None

    def download(self, packages: Sequence[str], target: Path) -> None:
        """Download the candidates into the directory `target`; apt checks signatures and hashes."""
        target.mkdir(parents=True, exist_ok=True)
        run(["apt-get", *self._options(), "download", *packages], cwd=target)

    def _options(self) -> list[str]:
        values = {
            "Dir::Etc::SourceList": "/dev/null",
            "Dir::Etc::SourceParts": str(self._directory / "sources.list.d"),
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State::Lists": str(self._directory / "lists"),
            "Dir::Cache": str(self._directory / "cache"),
            "Acquire::Languages": "none",
            # the unprivileged user of apt's download sandbox cannot write below a private directory
            "APT::Sandbox::User": "root",
        }
        return ["-q", *(word for name, value in values.items() for word in ("-o", f"{name}={value}"))]


def unpack(archive: Path, target: Path) -> None:
    """Unpack a package's files without installing it: no service starts, nothing of the machine changes."""
    target.mkdir(parents=True, exist_ok=True)
    run(["dpkg-deb", "--extract", archive, target])


def major(version: str) -> int:
    """The first number of a version: 26 of `26.1.5+dfsg1-9`, 20 of `1:20.10`; 0 if there is none."""
    match = re.match(r"(?:\d+:)?(\d+)", version)
    return int(match[1]) if match is not None else 0


def missing_tools(programs: Iterable[str]) -> list[str]:
    """Those of `programs` that this machine lacks."""
    return [program for program in programs if find_program(program) is None]


def find_program(name: str) -> Path | None:
    """A program on PATH or in the administrator's directories, which a user's PATH may lack."""
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    found = shutil.which(name, path=search)
    return Path(found) if found is not None else None


def install(packages: Sequence[str], *, lock: Path, log: Path) -> None:
    """Install packages with apt-get, one caller at a time by the file `lock`.

    A machine that is updating itself is waited for. Raises `LocalCloudError` naming the packages if that is not
    possible.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt_get = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    command = [*apt_get, "install", "--yes", "--no-install-recommends", *packages]
    try:
        with held(lock):
            try:
                run(command, env=environment, log=log)
            except CommandError:
                # a fresh machine or container has no package lists yet, an old one names files that are gone
                run([*apt_get, "update"], env=environment, log=log)
                run(command, env=environment, log=log)
    except CommandError as error:
        raise LocalCloudError(f"could not install {', '.join(packages)} with apt-get: {error}") from None

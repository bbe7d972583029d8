"""Reading apt's sources, and choosing where the engine's packages come from."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pythonbase_localcloud.engine import packages
from pythonbase_localcloud.engine.packages import AptSource, Distribution

DEB822 = """\
# the distribution
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: https://vendor.example/apt
Suites: stable
Components: main
Enabled: no

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://old.example/debian bullseye main
deb http://mirror.example/debian bookworm main contrib  # the distribution
deb [signed-by=/k.gpg arch=amd64,arm64] https://vendor.example/apt stable main
deb-src http://mirror.example/debian bookworm main
deb http://flat.example/ ./
"""

BOOKWORM = Distribution("debian", (), "bookworm")


def test_stanzas_are_read_without_disabled_and_source_only_ones() -> None:
    first, second = packages.parse_deb822(DEB822)
    assert first.uris == ("http://mirror.example/debian",)
    assert first.suites == ("bookworm", "bookworm-updates")
    assert first.components == ("main", "contrib")
    assert first.types == ("deb",)
    assert first.options == {"Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg"}
    assert second.suites == ("bookworm-security",)


def test_a_key_of_several_lines_survives_reading_and_writing() -> None:
    security = packages.parse_deb822(DEB822)[1]
    assert "BEGIN PGP PUBLIC KEY BLOCK" in security.options["Signed-By"]
    assert packages.parse_deb822(security.render()) == [security]


def test_lines_are_read_with_options_and_comments() -> None:
    distribution, vendor, flat = packages.parse_one_line(ONE_LINE)
    assert distribution.components == ("main", "contrib")
    assert vendor.options == {"Signed-By": "/k.gpg", "Architectures": "amd64 arm64"}
    assert (flat.suites, flat.components) == (("./",), ())


def test_both_formats_of_a_machine_are_found(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text(ONE_LINE)
    assert len(packages.configured_sources(tmp_path)) == 5


def test_only_the_release_itself_is_used_not_other_vendors() -> None:
    sources = [*packages.parse_deb822(DEB822), *packages.parse_one_line(ONE_LINE)]
    found = packages.sources_of("bookworm", sources)
    assert {source.uris[0] for source in found} == {
        "http://mirror.example/debian",
        "http://mirror.example/debian-security",
    }


def test_a_newer_release_comes_from_the_configured_mirror_with_its_key() -> None:
    found = packages.sources_for("trixie", machine=BOOKWORM, sources=packages.parse_deb822(DEB822))
    assert found == [
        AptSource(
            types=("deb",),
            uris=("http://mirror.example/debian",),
            suites=("trixie",),
            components=("main",),
            options={"Signed-By": "/usr/share/keyrings/debian-archive-keyring.gpg"},
        )
    ]


def test_on_ubuntu_debian_packages_come_from_debian() -> None:
    ubuntu = Distribution("ubuntu", ("debian",), "noble")
    sources = packages.parse_one_line("deb http://archive.example/ubuntu noble main universe")
    (found,) = packages.sources_for("trixie", machine=ubuntu, sources=sources)
    assert found.uris == ("http://deb.debian.org/debian",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=debian\nVERSION_CODENAME="bookworm"\n', Distribution("debian", (), "bookworm")),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", Distribution("linuxmint", ("ubuntu", "debian"), "")),
    ],
)
def test_the_distribution_is_read_from_os_release(tmp_path: Path, text: str, expected: Distribution) -> None:
    (tmp_path / "os-release").write_text(text)
    assert packages.distribution(tmp_path / "os-release") == expected


def test_a_system_without_os_release_is_no_debian(tmp_path: Path) -> None:
    assert not packages.distribution(tmp_path / "missing").has_apt


@pytest.mark.parametrize(("version", "number"), [("26.1.5+dfsg1-9", 26), ("1:20.10-1", 20), ("", 0), ("dev", 0)])
def test_the_first_number_of_a_version(version: str, number: int) -> None:
    assert packages.major(version) == number


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    present = tmp_path / "there"
    present.write_text("#!/bin/sh\n")
    present.chmod(present.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    assert packages.missing_tools(["there", "surely-not-there"]) == ["surely-not-there"]


@pytest.mark.skipif(not packages.distribution().has_apt or os.geteuid() != 0, reason="apt-get installs as root only")
def test_two_installations_at_once_wait_for_each_other(tmp_path: Path) -> None:
    def install(number: int) -> str:
        log = tmp_path / f"{number}.log"
        packages.install([], lock=tmp_path / "lock", log=log)  # locks as for any package, and changes nothing
        return log.read_text()

    with ThreadPoolExecutor() as pool:
        logs = list(pool.map(install, range(4)))
    assert all(logs)
    assert not [log for log in logs if "lock" in log]

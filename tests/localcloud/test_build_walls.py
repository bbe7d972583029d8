"""What a Dockerfile's steps cannot reach: credentials of the build's host, its engine, Docker Hub. Tried on a host with
AWS's addresses, with and without the lines of the buildspec that close it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pythonbase_buildspecs import base_image_buildspec, pull_request_buildspec, service_image_buildspec
from pythonbase_localcloud.testing.cloud import UPSTREAM
from tests.localcloud.build_host import OUTSIDE, BuildHost, build_host

if TYPE_CHECKING:
    from pythonbase_buildspecs import Buildspec
    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("local cloud", order=9),
    pytest.mark.skipif(os.geteuid() != 0, reason="a host of its own needs root"),
]

CREDENTIALS = "http://169.254.170.2/v2/credentials/1"
METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/role"
ENGINE = "http://127.0.0.1:2375/version"
FETCH = "RUN python3 -c 'import urllib.request as r; print(r.urlopen(\"{}\", timeout=5).read())'"
REACHABLE = {
    "RUN credentials": FETCH.format(CREDENTIALS),
    "RUN metadata": FETCH.format(METADATA),
    "ADD credentials": f"ADD {CREDENTIALS} /reached",
    "ADD metadata": f"ADD {METADATA} /reached",
    "ADD engine": f"ADD {ENGINE} /reached",
    "ADD redirect to credentials": f"ADD http://{OUTSIDE}:8080/ /reached",
}
"""What a host that is not closed gives away."""
CONNECT = "RUN python3 -c 'import socket; socket.create_connection((\"{}\", {}), timeout=5)'"
ATTEMPTS = {
    **REACHABLE,
    "RUN engine": FETCH.format(ENGINE),
    "RUN engine of the gateway": FETCH.format("http://172.17.0.1:2375/version"),
    "RUN Docker Hub": CONNECT.format("registry-1.docker.io", 443),
    "RUN Docker Hub's log-in": CONNECT.format("auth.docker.io", 443),
}


@pytest.fixture(scope="module")
def host(cloud: Cloud) -> Iterator[BuildHost]:
    """With an image that has Python."""
    folder = Path("/tmp") / f"walls-{os.getpid()}"  # noqa: S108 - a short path, as sockets need
    folder.mkdir()
    cloud.run("docker", "pull", "--quiet", UPSTREAM)
    cloud.run("docker", "save", "--output", str(folder / "image.tar"), UPSTREAM)
    try:
        with build_host(cloud, folder) as started:
            started.run(
                f"docker load --quiet --input image.tar && docker tag {UPSTREAM} localhost/python", folder=folder
            )
            yield started
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def _functions(buildspec: Buildspec) -> str:
    """The lines that close a host, as the buildspec has them."""
    found = re.search(r"^docker_hub=.*?^build_behind_walls\(\).*?^}$", buildspec.script, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


def _build(host: BuildHost, folder: Path, step: str, *, behind: str) -> subprocess.CompletedProcess[str]:
    (folder / "Dockerfile").write_text(f"FROM localhost/python\n{step}\n")
    command = "build_behind_walls" if behind else "docker buildx build"
    return host.run(f"set -euo pipefail\n{behind}\n{command} --no-cache --progress=plain .", folder=folder, check=False)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_behind_the_walls_it_is_refused(host: BuildHost, tmp_path: Path, name: str) -> None:
    done = _build(host, tmp_path, ATTEMPTS[name], behind=_functions(service_image_buildspec(container_name="app")))
    assert done.returncode != 0, done.stderr
    assert "refused" in done.stderr, done.stderr


# After the other: connections that the engine has made it keeps, and the walls only refuse new ones.
@pytest.mark.parametrize("name", REACHABLE)
def test_without_the_walls_it_is_reached(host: BuildHost, tmp_path: Path, name: str) -> None:
    done = _build(host, tmp_path, REACHABLE[name], behind="")
    assert done.returncode == 0, done.stderr
    if name.startswith("RUN"):
        assert "ASIAEXAMPLE" in done.stderr


def test_a_build_that_asks_for_nothing_of_this_succeeds_and_the_host_is_open_again(
    host: BuildHost, tmp_path: Path
) -> None:
    rules = host.run("iptables-save | grep -c 169.254 || true", folder=tmp_path).stdout
    done = _build(host, tmp_path, "RUN true", behind=_functions(service_image_buildspec(container_name="app")))
    assert done.returncode == 0, done.stderr
    fetch = f"python3 -c 'import urllib.request as r; print(r.urlopen(\"{CREDENTIALS}\", timeout=5).read())'"
    assert "ASIAEXAMPLE" in host.run(fetch, folder=tmp_path).stdout
    assert host.run("iptables-save | grep -c 169.254 || true", folder=tmp_path).stdout == rules == "0\n"


def test_all_buildspecs_have_the_same_walls_and_build_behind_them() -> None:
    buildspecs = [service_image_buildspec(container_name="app"), pull_request_buildspec(), base_image_buildspec()]
    assert len({_functions(buildspec) for buildspec in buildspecs}) == 1
    for buildspec in buildspecs:
        assert buildspec.script.count("docker buildx build") == 1, "only build_behind_walls calls the builder"

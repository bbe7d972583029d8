"""The other kind of box: a container of the user's engine. It listens on loopback only, as the first kind does."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbase_localcloud.engine import docker_engine, packages
from pythonbase_localcloud.instance import Instance, find
from pythonbase_localcloud.testing.cloud import ROOT, UPSTREAM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("container box"),
    pytest.mark.skipif(os.geteuid() != 0, reason="an engine in a network of its own needs root"),
]

_MACHINE = """
set -euo pipefail
mount --make-rprivate /
ip link set lo up
echo {{}} >"{folder}/none.json"
exec dockerd --host="unix://{folder}/s" --data-root="{folder}/data" --exec-root="{folder}/exec" \\
  --pidfile="{folder}/pid" --config-file="{folder}/none.json" --ip6tables=false
"""
_UP = """
from pathlib import Path
from pythonbase_localcloud.setup import lifecycle
from pythonbase_localcloud.instance import Instance
instance = Instance(root=Path({root!r}), home=Path({home!r}), cache=Path({cache!r}))
{what}
"""


class Machine:
    """A machine with a user's engine: a network of its own, and everything else of this one."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        default = find(start=ROOT)
        self.instance = Instance(root=ROOT, home=default.cache.parent / f"container-{worker}", cache=default.cache)
        programs = docker_engine.machine_programs() or docker_engine.unpacked_programs(
            default.cache, machine=packages.distribution(), report=lambda _: None
        )
        path = os.pathsep.join([*map(str, programs.directories), str(programs.docker.parent), os.environ["PATH"]])
        self._environment = {
            **os.environ,
            "PATH": path,
            "DOCKER_HOST": f"unix://{folder}/s",
            "DOCKER_CONFIG": str(folder),
        }
        (folder / "cli-plugins").mkdir()
        (folder / "cli-plugins" / "docker-buildx").symlink_to(programs.buildx)
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--net", "--fork", "--kill-child", "bash", "-c", _MACHINE.format(folder=folder)],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        deadline = time.monotonic() + 60
        while not (folder / "s").exists():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        self._pid = children.read_text().split()[0]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program on this machine."""
        done = subprocess.run(
            ["nsenter", "--target", self._pid, "--mount", "--net", "--", *command],
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def localcloud(self, what: str) -> None:
        """Start or end the local cloud here."""
        values = {name: str(getattr(self.instance, name)) for name in ("root", "home", "cache")}
        self.run(str(ROOT / ".venv" / "bin" / "python"), "-c", _UP.format(what=what, **values))


@pytest.fixture(scope="module")
def machine(worker_id: str) -> Iterator[Machine]:
    """The local cloud as a container of the user's engine."""
    folder = Path("/tmp") / f"engine-{os.getpid()}"  # noqa: S108 - a short path, as sockets need
    folder.mkdir()
    made = Machine(folder, worker_id)
    try:
        made.localcloud("lifecycle.clean(instance)")
        made.localcloud(f"lifecycle.up(instance, account='000000000000', region='eu-west-1', upstreams=[{UPSTREAM!r}])")
        yield made
    finally:
        made.localcloud("lifecycle.clean(instance)")
        made.process.kill()
        made.process.wait(timeout=30)
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def test_the_box_is_a_container_of_the_users_engine(machine: Machine) -> None:
    assert machine.run("docker", "ps", "--format", "{{.Names}}").stdout.split() == [machine.instance.identifier]


def test_it_answers_on_loopback_and_listens_nowhere_else(machine: Machine) -> None:
    health = "/_localcloud/health"
    port = machine.instance.port
    answer = (
        "curl",
        "--silent",
        "--insecure",
        "--max-time",
        "10",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    )
    assert machine.run(*answer, f"https://127.0.0.1:{port}{health}").stdout != "000"
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = machine.run("docker", "inspect", "--format", template, machine.instance.identifier).stdout.strip()
    assert address.startswith("172.17.")
    for listening in (port, machine.instance.front_port, 443):
        assert machine.run(*answer, f"https://{address}:{listening}/", check=False).stdout == "000"
    listeners = machine.run("ss", "--listening", "--tcp", "--no-header", "--numeric").stdout.split("\n")
    assert {line.split()[3].rpartition(":")[0] for line in listeners if line} == {"127.0.0.1"}

"""A build host as on AWS: an engine of its own, credentials at link-local addresses, and a network beyond."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pythonbase_localcloud.engine import docker_engine, packages

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

OUTSIDE = "10.9.0.1"
"""A host beyond the build host. It answers redirects to the credentials on port 8080."""

# The engine as CodeBuild's image starts it:
# https://github.com/aws/aws-codebuild-docker-images/blob/master/ubuntu/standard/7.0/dockerd-entrypoint.sh
_HOST = """
set -euo pipefail
mount --make-rprivate /
mount -t tmpfs tmpfs /run
ip link set lo up
unshare --net sleep infinity &
aws=$!
sleep 0.5
ip link add uplink type veth peer name aws
ip link set aws netns "$aws"
inside=(nsenter --target "$aws" --net --)
for address in 169.254.170.2/32 169.254.169.254/32 {outside}/24; do
  "${{inside[@]}}" ip address add "$address" dev aws
done
"${{inside[@]}}" ip link set aws up
"${{inside[@]}}" ip link set lo up
ip address add 10.9.0.2/24 dev uplink
ip link set uplink up
ip route add default via {outside}
"${{inside[@]}}" {python} "{server}" &
echo {{}} >"{folder}/none.json"
exec dockerd --host=unix:///var/run/docker.sock --host=tcp://127.0.0.1:2375 --data-root="{folder}/data" \\
  --exec-root=/run/docker --pidfile=/run/docker.pid --config-file="{folder}/none.json" --ip6tables=false
"""


@dataclass(frozen=True, kw_only=True)
class BuildHost:
    """Where commands run as a build's commands do."""

    pid: int
    environment: dict[str, str]

    def run(self, script: str, *, folder: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a script of bash on the host."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", f"--wdns={folder}", "--"]
        done = subprocess.run(
            [*enter, "bash", "-c", script],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done


@contextmanager
def build_host(cloud: Cloud, folder: Path) -> Iterator[BuildHost]:
    """Start it, and end all of it afterwards. Needs root."""
    programs = docker_engine.machine_programs() or docker_engine.unpacked_programs(
        cloud.instance.cache, machine=packages.distribution(), report=lambda _: None
    )
    path = os.pathsep.join([*map(str, programs.directories), str(cloud.instance.programs), os.environ["PATH"]])
    environment = {
        **os.environ,
        "PATH": path,
        "DOCKER_CONFIG": str(cloud.instance.docker_config),
        "DOCKER_HOST": "unix:///var/run/docker.sock",
    }
    script = _HOST.format(
        folder=folder, outside=OUTSIDE, python="python3", server=Path(__file__).with_name("credentials_server.py")
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        host = BuildHost(pid=_child(process.pid), environment=environment)
        deadline = time.monotonic() + 60
        while host.run("docker version", folder=folder, check=False).returncode != 0:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.3)
        yield host
    finally:
        process.kill()
        process.wait(timeout=30)


def _child(pid: int) -> int:
    """The first process in the new namespaces."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    deadline = time.monotonic() + 10
    while not children.read_text().split():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return int(children.read_text().split()[0])

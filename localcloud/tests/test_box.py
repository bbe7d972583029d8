"""The box with a real engine: what works in it, and that nothing of the machine changes.

An instance of its own with a stand-in for the AWS server, so that these tests say something about the box only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pythonbase_localcloud.box import cgroups, init, namespace_box
from pythonbase_localcloud.engine import docker_engine, packages
from pythonbase_localcloud.images import upstream
from pythonbase_localcloud.instance import Instance, find
from pythonbase_localcloud.machine.commands import LocalCloudError
from pythonbase_localcloud.setup import lifecycle
from pythonbase_localcloud.setup.running import find_box, server_answers

ROOT = Path(__file__).parents[2]
UPSTREAM = "public.ecr.aws/docker/library/python:3.13-slim"
SERVER = (sys.executable, str(Path(__file__).with_name("standin_server.py")))

pytestmark = [
    pytest.mark.xdist_group("local cloud", order=9),
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="looks at the machine's own iptables and processes, which needs root"),
]


def up(instance: Instance, *, server: tuple[str, ...] = SERVER) -> list[str]:
    """Start the instance; returns what was reported."""
    lines: list[str] = []
    lifecycle.up(instance, upstreams=[UPSTREAM], report=lines.append, server=server)
    return lines


def docker(instance: Instance, *words: str, stdin: str = "") -> str:
    environment = {**os.environ, **instance.environment()}
    done = subprocess.run(
        ["docker", *words], env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_box(instance: Instance, *words: str) -> str:
    """What a command prints inside the box."""
    running = find_box(instance)
    assert isinstance(running, namespace_box.NamespaceBox)
    enter = ["nsenter", "--target", str(running.pid), "--mount", "--net", "--pid", "--"]
    return subprocess.run([*enter, *words], capture_output=True, text=True, check=True).stdout


def machine() -> dict[str, str]:
    """What of the machine must not change."""
    seen = {
        "hosts": Path("/etc/hosts").read_text(),
        "resolver": Path("/etc/resolv.conf").read_text(),
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        "mounts": "\n".join(sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())),
    }
    for name, command in {"links": ["ip", "-brief", "link"], "rules": ["iptables-save"]}.items():
        program = packages.find_program(command[0])
        if program is not None:
            shown = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=True).stdout
            seen[name] = "\n".join(line for line in shown.splitlines() if not line.startswith("#"))
    return seen


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The machine as it was before any test here."""
    return machine()


@pytest.fixture(scope="module")
def instance(before: dict[str, str]) -> Iterator[Instance]:
    """A running instance, removed at the end."""
    assert before
    default = find(start=ROOT)
    made = replace(default, home=default.cache.parent / "test-box")
    lifecycle.clean(made, report=lambda _: None)
    up(made)
    yield made
    lifecycle.clean(made, report=lambda _: None)


@pytest.fixture
def standing(instance: Instance) -> Instance:
    """The instance, running, whatever the test before did to it."""
    up(instance)
    return instance


def test_the_aws_server_answers_on_the_machines_loopback(standing: Instance) -> None:
    context = ssl.create_default_context(cafile=str(standing.ca_bundle))
    with urllib.request.urlopen(f"{standing.endpoint_url}/a", context=context, timeout=10) as answer:
        assert answer.read() == b"/a\n"


def test_load_balancers_are_served_over_plain_http(standing: Instance) -> None:
    url = standing.load_balancer_url("hello") + "path?query=1"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"/_alb/hello/path?query=1\n"


def test_nothing_listens_beyond_the_loopback(standing: Instance) -> None:
    listening = [line.split()[3] for line in in_box(standing, "ss", "-Hltn").splitlines()]
    assert listening
    assert all(address.startswith("127.") for address in listening)


def test_a_container_runs_and_has_internet_names(standing: Instance) -> None:
    shown = docker(standing, "run", "--rm", UPSTREAM, "sh", "-c", "python --version; pip --version; id -u")
    assert shown.startswith("Python 3.")
    assert shown.rstrip().endswith("\n0")


def test_the_codebuild_image_has_what_buildspecs_call(standing: Instance) -> None:
    programs = ("bash", "git", "jq", "curl", "python3", "pip", "aws", "docker", "zip", "unzip")
    script = (
        " && ".join([f"command -v {program}" for program in programs]) + " && docker buildx version && aws --version"
    )
    shown = docker(standing, "run", "--rm", "localcloud/codebuild:1", "bash", "-euc", script)
    assert "aws-cli/2" in shown


DOCKERFILE = f"""\
FROM {UPSTREAM}
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
USER 1000
RUN python -c 'import itsdangerous'
"""


def test_an_unmodified_dockerfile_installs_from_pypi(standing: Instance, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "requirements.txt").write_text("itsdangerous\n")
    docker(standing, "build", "--no-cache", "--tag", "box-test", str(tmp_path))
    # what made that possible behind a network that intercepts TLS is not in the image
    container = docker(standing, "create", "box-test").strip()
    archive = tmp_path / "image.tar"
    docker(standing, "export", "--output", str(archive), container)
    names = subprocess.run(["tar", "--list", "--file", archive], capture_output=True, text=True, check=True).stdout
    assert "itsdangerous" in names
    assert "localcloud-ca" not in names
    assert "localcloud" not in docker(standing, "image", "inspect", "--format", "{{json .Config}}", "box-test")
    assert "localcloud" not in docker(standing, "history", "--no-trunc", "box-test")
    assert "localcloud" not in docker(standing, "run", "--rm", "box-test", "env")
    docker(standing, "rm", container)


def test_an_upstream_image_that_is_not_listed_is_refused_with_the_reason(standing: Instance, tmp_path: Path) -> None:
    if upstream.is_reachable("public.ecr.aws", bundle=None):
        pytest.skip("public.ecr.aws answers: nothing is stood in for")
    (tmp_path / "Dockerfile").write_text("FROM public.ecr.aws/docker/library/node:24\n")
    with pytest.raises(AssertionError, match=r"docker/library/node:24: not found|is not in platform.yaml"):
        docker(standing, "build", str(tmp_path))


def test_the_registrys_name_means_the_local_cloud_in_the_box_only(standing: Instance) -> None:
    name = "000000000000.dkr.ecr.eu-west-1.amazonaws.com"
    assert in_box(standing, "getent", "hosts", name).split()[0] == "127.0.0.1"
    assert name not in Path("/etc/hosts").read_text()


def test_up_again_is_quick_and_changes_nothing(standing: Instance) -> None:
    running = find_box(standing)
    started = time.monotonic()
    assert up(standing) == [f"the local cloud is running at {standing.endpoint_url}"]
    assert time.monotonic() - started < 2
    assert find_box(standing) == running


def test_two_at_once_do_not_race(standing: Instance) -> None:
    lifecycle.down(standing, report=lambda _: None)
    script = (
        "from pathlib import Path; from pythonbase_localcloud.setup import lifecycle; "
        "from pythonbase_localcloud.instance import Instance; import sys; "
        f"lifecycle.up(Instance(root=Path({str(standing.root)!r}), home=Path({str(standing.home)!r}), "
        f"cache=Path({str(standing.cache)!r})), upstreams=[{UPSTREAM!r}], server={list(SERVER)!r})"
    )
    both = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert sum("is ready" in end for end in ends) == 1


def test_an_aws_server_that_ends_is_reported_and_started_anew(standing: Instance) -> None:
    (pid,) = in_box(standing, "pgrep", "-f", SERVER[1]).split()
    in_box(standing, "kill", "-KILL", pid)
    deadline = time.monotonic() + 10
    while namespace_box.state(standing)[0] != "server-ended" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert any("ended with code -9" in line for line in lifecycle.status(standing))
    assert "starts the AWS server anew" in up(standing)
    assert server_answers(standing)


def test_a_server_that_does_not_start_is_reported_with_its_last_words(standing: Instance) -> None:
    broken = (sys.executable, "-c", "raise SystemExit('no state directory')")
    with pytest.raises(LocalCloudError, match=r"(?s)the AWS server did not start.*no state directory"):
        up(standing, server=broken)


def test_stopping_leaves_nothing_and_lets_the_server_save(
    standing: Instance, before: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    docker(standing, "run", "--detach", "--name", "stubborn", UPSTREAM, "sleep", "1000")
    saved = standing.home / "aws" / "saved"
    saved.unlink(missing_ok=True)
    started = time.monotonic()
    lifecycle.down(standing, report=lambda _: None)
    assert time.monotonic() - started < 10
    assert saved.read_text() == "saved\n"
    assert processes_of(standing) == []
    assert cgroups.leftover(standing.identifier) == []
    assert not standing.run.exists()
    assert machine() == before
    assert lifecycle.status(standing) == ["the local cloud is not running"]
    assert capfd.readouterr().err == ""


def test_images_and_containers_survive_a_stop(standing: Instance) -> None:
    docker(standing, "run", "--name", "kept", UPSTREAM, "true")
    images = docker(standing, "images", "--quiet", "--no-trunc")
    lifecycle.down(standing, report=lambda _: None)
    up(standing)
    assert docker(standing, "images", "--quiet", "--no-trunc") == images
    assert "kept" in docker(standing, "ps", "--all", "--format", "{{.Names}}")
    docker(standing, "rm", "kept")


def test_a_killed_box_takes_everything_with_it_and_can_be_started_again(standing: Instance) -> None:
    running = find_box(standing)
    assert isinstance(running, namespace_box.NamespaceBox)
    docker(standing, "run", "--detach", UPSTREAM, "sleep", "1000")
    os.kill(running.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while processes_of(standing) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(standing) == []
    up(standing)
    docker(standing, "rm", "--force", *docker(standing, "ps", "--all", "--quiet").split())


def test_while_it_runs_the_machine_is_as_before(standing: Instance, before: dict[str, str]) -> None:
    docker(standing, "run", "--detach", "--rm", "--publish", "18080:80", "--name", "published", UPSTREAM, "sleep", "60")
    assert machine() == before
    docker(standing, "rm", "--force", "published")


@pytest.fixture
def other_engine(standing: Instance) -> Iterator[str]:
    """An engine of somebody else on this machine, without a network so that the test itself changes nothing."""
    programs = docker_engine.machine_programs() or docker_engine.unpacked_programs(
        standing.cache, machine=packages.distribution(), report=lambda _: None
    )
    # a short path: the kernel limits those of sockets
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    address = f"unix://{folder}/s"
    settings = {"data-root": "data", "exec-root": "exec", "pidfile": "pid", "config-file": "none.json"}
    (folder / "none.json").write_text("{}")
    words = [f"--{name}={folder / place}" for name, place in settings.items()]
    words += [f"--host={address}", "--bridge=none", "--iptables=false", "--ip-forward=false", "--group=0"]
    path = os.pathsep.join([*map(str, programs.directories), os.environ["PATH"]])
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [programs.dockerd, *words],
            env={**os.environ, "PATH": path},
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + 60
    while not init.engine_answers(f"{folder}/s") and time.monotonic() < deadline:
        time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(timeout=30)
    # an engine that was ended while it started leaves its data directory mounted on itself
    subprocess.run(["umount", "--quiet", folder / "data"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def test_another_engine_on_the_machine_is_not_disturbed(standing: Instance, other_engine: str) -> None:
    def other(*words: str) -> str:
        command = [str(standing.programs / "docker"), "--host", other_engine, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    identity = other("info", "--format", "{{.ID}}")
    lifecycle.down(standing, report=lambda _: None)
    assert other("info", "--format", "{{.ID}}") == identity
    up(standing)
    docker(standing, "run", "--rm", UPSTREAM, "true")
    assert other("info", "--format", "{{.ID}}") == identity
    assert other("images", "--quiet") == ""
    assert other("ps", "--all", "--quiet") == ""


def processes_of(instance: Instance) -> list[str]:
    """Command lines of living processes that belong to the instance."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                words = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (directory / "environ").read_bytes().decode(errors="replace")
                if f"{instance.home}/" in words or f"LOCALCLOUD_HOME={instance.home}\0" in environment:
                    found.append(words)
    return found

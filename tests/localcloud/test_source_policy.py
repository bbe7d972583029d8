"""The rendered source policy under the real builder, and the host that nothing else can pull on."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pythonbase_buildspecs import service_image_buildspec
from pythonbase_buildspecs.template import script
from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.box import namespace_box
from pythonbase_localcloud.docker_hub import Control
from pythonbase_localcloud.engine import docker_engine, packages
from pythonbase_localcloud.setup.running import find_box
from pythonbase_localcloud.testing.cloud import UPSTREAM, Cloud
from tests.localcloud.policy_cases import BASE, CASES, ECR, NOTHING, REFUSED, STRICT, WITH_ECR_PUBLIC, Case

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("builder", order=11)]

DENIED = re.compile(r'source "docker-image://[^"]+" (denied|not allowed)')


@pytest.fixture(scope="module")
def hub(cloud: Cloud) -> Iterator[Control]:
    """The stand-in for Docker Hub, with nothing counted."""
    control = docker_hub.control(cloud.instance)
    control.reset()
    yield control
    control.reset()


@pytest.fixture(scope="module")
def base(cloud: Cloud) -> str:
    """A base image in ECR, by its digest."""
    name = f"{ECR}/policy-base"
    cloud.client("ecr").create_repository(repositoryName="policy-base")
    cloud.run("docker", "pull", "--quiet", UPSTREAM)
    cloud.run("docker", "tag", UPSTREAM, f"{name}:1")
    password = cloud.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    secret = subprocess.run(["base64", "-d"], input=password, capture_output=True, text=True, check=True).stdout[4:]
    cloud.run("docker", "login", "--username", "AWS", "--password-stdin", ECR, stdin=secret)
    cloud.run("docker", "push", "--quiet", f"{name}:1")
    (image,) = cloud.client("ecr").describe_images(repositoryName="policy-base")["imageDetails"]
    return f"{name}@{image['imageDigest']}"


@pytest.fixture(scope="module")
def logs(cloud: Cloud, hub: Control, base: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the builder said to each Dockerfile."""
    assert hub.pulls() == 0
    folder = tmp_path_factory.mktemp("policy")
    with ThreadPoolExecutor(4) as pool:
        said = pool.map(lambda item: _build(cloud, folder / str(item[0]), item[1], base), enumerate(CASES))
        return dict(zip((case.name for case in CASES), said, strict=True))


def _build(cloud: Cloud, folder: Path, case: Case, base: str) -> str:
    folder.mkdir()
    (folder / "Dockerfile").write_bytes(case.dockerfile.encode())
    policy = case.policy.to_json().replace("BASE_IMAGE", base).replace("PULL_THROUGH_CACHE", f"{ECR}/docker-hub")
    (folder / "policy.json").write_text(policy)
    arguments = ["--progress=plain", "--no-cache", "--build-arg", f"BASE_IMAGE={base}"]
    done = subprocess.run(
        ["docker", "buildx", "build", *arguments, str(folder)],
        env={**cloud.environment(), "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": str(folder / "policy.json")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return f"{done.stderr}\nexit {done.returncode}"


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_reference_is_converted_mirrored_or_refused(logs: dict[str, str], base: str, case: Case) -> None:
    log = logs[case.name]
    if case.outcome == REFUSED:
        assert DENIED.search(log), log
        assert log.endswith("exit 1")
        return
    assert not DENIED.search(log), log
    if case.outcome in (BASE, NOTHING):
        assert log.endswith("exit 0"), log
        assert (f"FROM {base}" in log or f"load metadata for {base}" in log) == (case.outcome == BASE), log
    else:
        assert case.outcome in log, log
        # There is no cache here: that it was asked is what counts.
        assert log.endswith("exit 0" if case.policy is WITH_ECR_PUBLIC else "exit 1"), log


def test_docker_hub_was_asked_for_nothing(logs: dict[str, str], hub: Control) -> None:
    assert len(logs) == len(CASES)
    assert hub.requests() == []
    assert hub.pulls() == 0


_WITH_OWN_FRONTEND = """
set -euo pipefail
work="$PWD" dockerfile=Dockerfile
{frontend}
own_frontend
docker buildx build --progress=plain --no-cache --file "$to_build" . 2>&1
"""


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        ("RUN <<END\necho it builds\nEND", ""),
        ("COPY --parents a /b", "dockerfile parse error on line 3: unknown flag: parents"),
    ],
)
def test_dockers_frontend_is_replaced_by_the_builders_own(
    cloud: Cloud, hub: Control, base: str, tmp_path: Path, instruction: str, said: str
) -> None:
    hub.reset()
    (tmp_path / "Dockerfile").write_text(f"# syntax=docker/dockerfile:1-labs\nFROM python:3.13\n{instruction}\n")
    (tmp_path / "policy").write_text(STRICT.to_json().replace("BASE_IMAGE", base))
    done = subprocess.run(
        ["bash", "-c", _WITH_OWN_FRONTEND.format(frontend=script("own_frontend.sh"))],
        env={**cloud.environment(), "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": str(tmp_path / "policy")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == (1 if said else 0), done.stdout
    assert said in done.stdout.splitlines()[-1]
    assert hub.requests() == []


# -- a host on which nothing but BuildKit can name Docker Hub ----------------------------------------------------------

_CLOSING = re.compile(r"^docker_hub=.*$|^printf '0\.0\.0\.0 .*>>/etc/hosts$", re.MULTILINE)
_BUILD_HOST = """
set -euo pipefail
ip link set lo up
mount --make-rprivate /
grep -v docker /etc/hosts >"{folder}/hosts"
mount --bind "{folder}/hosts" /etc/hosts
{closing}
exec dockerd --host="unix://{folder}/s" --data-root="{folder}/data" --exec-root="{folder}/exec" \\
  --pidfile="{folder}/pid" --config-file="{folder}/none.json" --bridge=none --iptables=false --ip-forward=false
"""


@pytest.fixture(scope="module")
def build_host(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An engine on a host that has run the first lines of the service's buildspec; where it listens."""
    running = find_box(cloud.instance)
    if not isinstance(running, namespace_box.NamespaceBox) or os.geteuid() != 0:
        pytest.skip("the box is a container")
    folder = Path("/tmp") / f"host-{tmp_path_factory.getbasetemp().name}"  # noqa: S108  a short path, as sockets need
    folder.mkdir()
    (folder / "none.json").write_text("{}")
    closing = _CLOSING.findall(service_image_buildspec(container_name="app").script)
    assert len(closing) == 2, "the buildspec closes its host"
    programs = docker_engine.machine_programs() or docker_engine.unpacked_programs(
        cloud.instance.cache, machine=packages.distribution(), report=lambda _: None
    )
    path = os.pathsep.join([*map(str, programs.directories), os.environ["PATH"]])
    enter = ["nsenter", "--target", str(running.pid), "--mount", "--net", "--pid", "--"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            # a network of its own: two engines in one would fight over the bridge
            [
                *enter,
                "unshare",
                "--mount",
                "--net",
                "bash",
                "-c",
                _BUILD_HOST.format(folder=folder, closing="\n".join(closing)),
            ],
            env={**os.environ, "PATH": path, "SSL_CERT_FILE": cloud.environment()["SSL_CERT_FILE"]},
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + 60
    while not (folder / "s").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (folder / "s").exists(), (folder / "log").read_text()
    yield f"unix://{folder}/s"
    subprocess.run([*enter, "bash", "-c", f'kill "$(cat {folder}/pid)"'], check=True)
    process.wait(timeout=30)
    subprocess.run(["rm", "-rf", str(folder)], check=False)


@pytest.mark.parametrize(
    "words",
    [
        ["pull", "busybox:1"],
        ["pull", "docker.io/library/busybox:1"],
        ["pull", "registry-1.docker.io/library/busybox:1"],
        ["run", "--rm", "busybox:1", "true"],
        ["create", "bitnami/redis:7"],
        ["build", "-"],
        ["buildx", "build", "-"],
    ],
    ids=" ".join,
)
def test_nothing_but_buildkit_finds_docker_hub_on_a_build_host(
    cloud: Cloud, hub: Control, build_host: str, words: list[str]
) -> None:
    hub.reset()
    classic = {"DOCKER_BUILDKIT": "0"} if words[0] == "build" else {}
    done = subprocess.run(
        ["docker", "--host", build_host, *words],
        env={**cloud.environment(), **classic},
        # In capitals it is past the policy's patterns.
        input="FROM Registry-1.Docker.IO/library/busybox:1\n" if words[0] == "buildx" else "FROM busybox:1\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "dial tcp 0.0.0.0:443: connect: connection refused" in done.stderr, done.stderr
    assert hub.requests() == []


def test_a_host_that_is_not_closed_does_pull(cloud: Cloud, hub: Control) -> None:
    hub.reset()
    cloud.run("docker", "image", "rm", "--force", "busybox:1", check=False)
    cloud.run("docker", "pull", "--quiet", "busybox:1")
    assert hub.requests() != []

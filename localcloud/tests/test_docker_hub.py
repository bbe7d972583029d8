"""The stand-in for Docker Hub, asked by real clients."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.box import namespace_box
from pythonbase_localcloud.docker_hub import PASSWORD, USER, Control
from pythonbase_localcloud.setup.running import find_box
from pythonbase_localcloud.testing.builds import Project
from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker hub", order=8)]

REFUSED = (
    "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
)
IMAGE = "busybox:1"


@pytest.fixture
def hub(cloud: Cloud) -> Iterator[Control]:
    """The stand-in with its usual limits, nothing counted; an engine without the images that tests pull."""
    control = docker_hub.control(cloud.instance)
    control.reset()
    _forget(cloud)
    yield control
    control.recover()
    control.come_from(None)
    control.set(anonymous=100, user=200, window=21_600)
    control.reset()


def _forget(cloud: Cloud) -> None:
    names = cloud.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    wanted = [name for name in names if name.startswith(("busybox:", "redis:", "probe:")) and "<none>" not in name]
    if wanted:
        cloud.run("docker", "image", "rm", "--force", *wanted)
    # the versions that lost their tag to a newer one
    cloud.run("docker", "image", "prune", "--force")
    cloud.run("docker", "builder", "prune", "--all", "--force")


def _pull(cloud: Cloud, image: str = IMAGE, *options: str, config: Path | None = None) -> str:
    """Pull on an engine that does not have the image; what the client says, the error if it is one.

    A new version is published first: the engine remembers manifests for a while, and does not ask for them again.
    """
    _forget(cloud)
    if image == IMAGE:
        docker_hub.control(cloud.instance).publish(image, change=str(time.time_ns()))
    return _docker(cloud, "pull", *options, image, config=config)


def _docker(cloud: Cloud, *words: str, config: Path | None = None, stdin: str = "") -> str:
    environment = cloud.environment() | ({"DOCKER_CONFIG": str(config)} if config is not None else {})
    done = subprocess.run(
        ["docker", *words],
        env=environment,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout


def _curl(cloud: Cloud, script: str) -> str:
    """What a shell script prints in a container that has the box's network and names."""
    image = "localcloud/codebuild:1"
    return cloud.run("docker", "run", "--rm", "--network", "host", image, "bash", "-euc", script).stdout


ASK_FOR_THE_LIMIT = """\
token=$(curl -sk "https://auth.docker.io/token?service=registry.docker.io&scope=repository:library/busybox:pull" |
    jq -r .token)
curl -sk --head -H "Authorization: Bearer $token" \
    -H "Accept: application/vnd.oci.image.index.v1+json" https://registry-1.docker.io/v2/library/busybox/manifests/1
"""


def test_a_pull_counts_once_however_many_requests_it_takes(cloud: Cloud, hub: Control) -> None:
    assert "Downloaded newer image" in _pull(cloud)
    assert hub.pulls() == 1
    methods = [request.method for request in hub.requests()]
    assert methods == ["HEAD", "GET", "GET"]
    assert all(request.identity == "address:127.0.0.1" for request in hub.requests())


def test_each_architecture_is_a_pull(cloud: Cloud, hub: Control) -> None:
    for architecture in ("amd64", "arm64"):
        _pull(cloud, IMAGE, "--platform", f"linux/{architecture}")
    assert hub.pulls() == 2


def test_a_pull_of_what_the_engine_has_is_a_version_check_and_free(cloud: Cloud, hub: Control) -> None:
    _pull(cloud)
    assert "up to date" in _docker(cloud, "pull", IMAGE)
    assert hub.pulls() == 1


def test_a_build_is_counted_as_a_pull_is(cloud: Cloud, hub: Control, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN true\n")
    cloud.run("docker", "buildx", "build", "--tag", "probe", str(tmp_path))
    assert hub.pulls() == 1
    cloud.run("docker", "buildx", "build", "--no-cache", "--tag", "probe", str(tmp_path))
    assert hub.pulls() == 1, "the engine has the image"
    hub.set(anonymous=1)
    _forget(cloud)
    hub.publish(IMAGE, change="another version")
    refused = cloud.run("docker", "buildx", "build", "--tag", "probe", str(tmp_path), check=False)
    assert "429 Too Many Requests" in refused.stderr
    assert "You have reached your unauthenticated pull rate limit" in refused.stderr


def test_a_build_on_codebuild_is_counted(cloud: Cloud, hub: Control) -> None:
    project = Project(cloud)
    commands = [
        f"printf 'FROM {IMAGE}\\nRUN true\\n' >Dockerfile",
        "docker buildx build --progress=plain --tag probe .",
    ]
    spec = json.dumps({"version": "0.2", "phases": {"build": {"commands": commands}}})
    build = project.build(buildspecOverride=spec, privilegedModeOverride=True)
    assert build["buildStatus"] == "SUCCEEDED", project.log(build)
    assert hub.pulls() == 1


def test_asking_for_the_limit_is_free_and_tells_it_as_docker_hub_does(cloud: Cloud, hub: Control) -> None:
    _pull(cloud)
    head = _curl(cloud, ASK_FOR_THE_LIMIT).lower()
    assert "ratelimit-limit: 100;w=21600" in head
    assert "ratelimit-remaining: 99;w=21600" in head
    assert "docker-ratelimit-source: 127.0.0.1" in head
    assert "docker-content-digest: sha256:" in head
    assert hub.pulls() == 1


def test_the_pull_after_the_last_one_is_refused_with_docker_hubs_words(cloud: Cloud, hub: Control) -> None:
    hub.set(anonymous=3)
    for _ in range(3):
        assert "Downloaded newer image" in _pull(cloud)
    assert REFUSED in _pull(cloud)
    assert (hub.pulls(), hub.state()["identities"]["address:127.0.0.1"]["remaining"]) == (3, 0)
    assert "200 OK" in _curl(cloud, ASK_FOR_THE_LIMIT), "a HEAD is answered also then"


def test_the_limit_is_over_when_the_window_has_passed(cloud: Cloud, hub: Control) -> None:
    hub.set(anonymous=1)
    _pull(cloud)
    assert REFUSED in _pull(cloud)
    hub.set(window=1)
    time.sleep(1)
    assert "Downloaded newer image" in _pull(cloud)


def test_another_address_has_a_limit_of_its_own(cloud: Cloud, hub: Control) -> None:
    hub.set(anonymous=1)
    for address in ("192.0.2.1", "192.0.2.2"):
        hub.come_from(address)
        assert "Downloaded newer image" in _pull(cloud)
        assert REFUSED in _pull(cloud)
    assert set(hub.state()["identities"]) == {"address:192.0.2.1", "address:192.0.2.2"}


def test_an_account_has_a_limit_of_its_own(cloud: Cloud, hub: Control, tmp_path: Path) -> None:
    hub.set(anonymous=1, user=2)
    _pull(cloud)
    assert REFUSED in _pull(cloud)
    said = _docker(cloud, "login", "--username", USER, "--password-stdin", config=tmp_path, stdin=PASSWORD)
    assert "Login Succeeded" in said
    for _ in range(2):
        assert "Downloaded newer image" in _pull(cloud, config=tmp_path)
    refused = _pull(cloud, config=tmp_path)
    assert f"toomanyrequests: You have reached your pull rate limit as '{USER}'." in refused
    assert hub.state()["identities"][f"user:{USER}"] == {"pulls": 2, "limit": 2, "remaining": 0}


def test_a_paid_account_has_no_limit(cloud: Cloud, hub: Control, tmp_path: Path) -> None:
    hub.set(anonymous=0, user=0)
    hub.account("paid", "secret", limit=None)
    _docker(cloud, "login", "--username", "paid", "--password-stdin", config=tmp_path, stdin="secret")
    assert "Downloaded newer image" in _pull(cloud, config=tmp_path)


def test_a_wrong_password_is_refused(cloud: Cloud, hub: Control, tmp_path: Path) -> None:
    said = _docker(cloud, "login", "--username", USER, "--password-stdin", config=tmp_path, stdin="wrong")
    assert "unauthorized: incorrect username or password" in said
    assert not (tmp_path / "config.json").exists() or not json.loads((tmp_path / "config.json").read_text()).get(
        "auths"
    )
    assert hub.pulls() == 0


def test_an_account_pushes_and_nobody_else_does(cloud: Cloud, hub: Control, tmp_path: Path) -> None:
    _pull(cloud)
    _docker(cloud, "tag", IMAGE, "localcloud/probe:1")
    assert "denied" in _docker(cloud, "push", "localcloud/probe:1", config=tmp_path)
    _docker(cloud, "login", "--username", USER, "--password-stdin", config=tmp_path, stdin=PASSWORD)
    assert "digest: sha256:" in _docker(cloud, "push", "localcloud/probe:1", config=tmp_path)
    _docker(cloud, "image", "rm", "--force", "localcloud/probe:1")
    assert "Downloaded newer image" in _pull(cloud, "localcloud/probe:1")
    assert hub.pulls() == 2
    _docker(cloud, "image", "rm", "--force", "localcloud/probe:1")


@pytest.mark.parametrize(("status", "words"), [(503, "503 Service Unavailable"), (429, REFUSED)])
def test_an_outage_lasts_as_long_as_it_is_asked_to(cloud: Cloud, hub: Control, status: int, words: str) -> None:
    hub.fail(status)
    assert words in _pull(cloud)
    assert words in _pull(cloud)
    hub.recover()
    assert "Downloaded newer image" in _pull(cloud)
    # the engine asks twice: HEAD, and GET when that failed
    hub.reset()
    hub.fail(status, requests=2)
    assert words in _pull(cloud)
    assert "Downloaded newer image" in _pull(cloud)
    assert hub.pulls() == 1


def test_a_new_version_has_another_digest_under_the_same_tag(cloud: Cloud, hub: Control) -> None:
    assert "Downloaded newer image" in _pull(cloud, "redis:7")
    digest = hub.publish("redis:7", change="a day later")
    said = _docker(cloud, "pull", "redis:7")
    assert f"Digest: {digest}" in said
    assert "Downloaded newer image" in said
    assert hub.publish("redis:7", change="a day later") == digest
    assert hub.publish("redis:7", change="two days later") != digest
    shown = _docker(cloud, "run", "--rm", "redis:7", "cat", "/etc/stands-in-for")
    assert shown == "library/redis\n"


def test_python_is_what_upstream_images_are(cloud: Cloud, hub: Control) -> None:
    shown = _docker(cloud, "run", "--rm", "python:3.13-slim", "python", "-c", "print(6 * 7)")
    assert shown.endswith("42\n")
    assert hub.pulls() <= 1


def test_what_docker_hub_does_not_have_is_refused_as_there_and_not_counted(cloud: Cloud, hub: Control) -> None:
    assert "pull access denied for nosuch/thing, repository does not exist" in _pull(cloud, "nosuch/thing")
    assert "manifest unknown" in _pull(cloud, "busybox:no-such-tag")
    assert hub.pulls() == 0


def test_the_mirror_on_ecr_public_gives_one_pull_a_second_without_a_log_in(cloud: Cloud, hub: Control) -> None:
    get = f"""\
get() {{
    curl -sk --resolve public.ecr.aws:443:{docker_hub.ADDRESS} -H 'Accept: application/vnd.oci.image.index.v1+json' \
        -w '%{{http_code}} ' "$@" https://public.ecr.aws/v2/docker/library/busybox/manifests/1
}}
"""
    shown = _curl(cloud, get + "get -o /dev/null; get; get --head -o /dev/null; sleep 1.1; get -o /dev/null")
    before, error, after = shown.partition('{"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]}')
    assert error, shown
    assert (before.split(), after.split()) == (["200"], ["429", "200", "200"])
    assert (hub.pulls(), hub.state()["ecr_public"]["refused"]) == (0, 1)


def test_docker_hubs_names_mean_the_stand_in_inside_the_box_only(cloud: Cloud) -> None:
    for name in docker_hub.HOSTS:
        assert name not in Path("/etc/hosts").read_text()
    running = find_box(cloud.instance)
    if not isinstance(running, namespace_box.NamespaceBox) or os.geteuid() != 0:
        pytest.skip("the box is a container")
    enter = ["nsenter", "--target", str(running.pid), "--mount", "--net"]
    for name in docker_hub.HOSTS:
        shown = subprocess.run([*enter, "getent", "hosts", name], capture_output=True, text=True, check=True).stdout
        assert shown.split()[0] == docker_hub.ADDRESS
    listening = subprocess.run([*enter, "ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    assert all(line.split()[3].startswith("127.") for line in listening.splitlines())


def test_a_stopped_instance_has_no_stand_in(cloud: Cloud, tmp_path: Path) -> None:
    nowhere = Control(tmp_path / "socket")
    assert not nowhere.runs()
    with pytest.raises(docker_hub.ControlError, match="is not stood in for by this instance"):
        nowhere.pulls()
    assert docker_hub.control(cloud.instance).runs()

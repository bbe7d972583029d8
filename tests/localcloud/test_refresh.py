"""Refreshes of a base image whose upstream is on Docker Hub: polite, patient, and nobody is stranded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.docker_hub import Control
from pythonbase_localcloud.testing.cloud import ROOT, Cloud

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("docker hub", order=8)]

USER, TOKEN = "refresher", "dckr_pat_of-the-tests"
CONFIG = f"""\
base_images:
  - name: hubbase
    path: {ROOT}/images/pythonbase
    upstream: docker.io/library/python:3.13-slim
    upstream_credentials: docker-hub/ci
"""


@dataclass(frozen=True)
class Base:
    """A base image that is deployed, and the stand-in that its upstream comes from."""

    cloud: Cloud
    hub: Control
    project: str

    def refresh(self, **variables: str) -> dict[str, Any]:
        """Run the build as the schedule does; the build once it has ended."""
        overrides = [{"name": name, "value": value} for name, value in variables.items()]
        codebuild = self.cloud.client("codebuild")
        build = codebuild.start_build(projectName=self.project, environmentVariablesOverride=overrides)["build"]
        while build["buildStatus"] == "IN_PROGRESS":
            time.sleep(0.3)
            build = codebuild.batch_get_builds(ids=[build["id"]])["builds"][0]
        return dict(build)

    def log(self, build: dict[str, Any]) -> str:
        """What the build said."""
        events = self.cloud.client("logs").get_log_events(
            logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
        )["events"]
        return "\n".join(event["message"] for event in events)

    def images(self) -> set[str]:
        """Digests in the repository."""
        return {item["imageDigest"] for item in self._details()}

    def newest(self) -> str:
        """The digest that services follow."""
        (digest,) = [item["imageDigest"] for item in self._details() if "latest" in item.get("imageTags", [])]
        return str(digest)

    def _details(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cloud.client("ecr").describe_images(repositoryName="hubbase")["imageDetails"]
        return found


@pytest.fixture(scope="module")
def deployed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """The base image, built by its deployment."""
    hub = docker_hub.control(cloud.instance)
    hub.publish("python:3.13-slim", change="first")
    hub.account(USER, TOKEN, limit=200)
    hub.reset()
    secret = json.dumps({"username": USER, "accessToken": TOKEN})
    cloud.client("secretsmanager").create_secret(Name="docker-hub/ci", SecretString=secret)
    config = tmp_path_factory.mktemp("hubbase") / "platform.yaml"
    config.write_text(CONFIG)
    cloud.run("cdk", "bootstrap", f"aws://{cloud.account}/{cloud.region}", cwd=config.parent)
    cloud.cdk("deploy", "Hubbase", "--require-approval", "never", config=config)
    projects = cloud.client("codebuild").list_projects()["projects"]
    (project,) = [name for name in projects if name.startswith("Hubbase-")]
    return Base(cloud, hub, project)


@pytest.fixture
def base(deployed: Base) -> Iterator[Base]:
    """The base image, with nothing counted and Docker Hub in order."""
    deployed.hub.reset()
    yield deployed
    deployed.hub.recover()


def test_an_unchanged_upstream_ends_the_refresh_without_pull_tag_or_digest(base: Base) -> None:
    before, newest = base.images(), base.newest()
    build = base.refresh()
    assert build["buildStatus"] == "SUCCEEDED", base.log(build)
    assert (base.images(), base.newest()) == (before, newest)
    assert base.hub.pulls() == 0
    assert {request.method for request in base.hub.requests()} == {"HEAD"}
    assert "nothing to do" in base.log(build)


def test_a_changed_upstream_is_one_pull_and_moves_the_tag(base: Base) -> None:
    newest = base.newest()
    base.hub.publish("python:3.13-slim", change="second")
    build = base.refresh()
    assert build["buildStatus"] == "SUCCEEDED", base.log(build)
    assert base.newest() != newest
    assert base.hub.pulls() == 1
    assert {request.identity for request in base.hub.requests() if request.method == "GET"} == {f"user:{USER}"}


def test_what_docker_hub_has_left_is_a_metric(base: Base) -> None:
    build = base.refresh()
    assert "pulls that Docker Hub has left: 200" in base.log(build)
    metrics = base.cloud.client("cloudwatch").list_metrics(Namespace="pythonbase")["Metrics"]
    assert [metric["MetricName"] for metric in metrics] == ["DockerHubPullsRemaining"]
    assert metrics[0]["Dimensions"] == [{"Name": "Repository", "Value": "hubbase"}]
    (alarm,) = base.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["MetricName"] == "DockerHubPullsRemaining"


@pytest.mark.parametrize("status", [429, 503])
def test_a_registry_that_is_busy_for_a_while_is_waited_for(base: Base, status: int) -> None:
    newest = base.newest()
    base.hub.publish("python:3.13-slim", change=f"while {status}")
    base.hub.fail(status, requests=1)
    build = base.refresh()
    assert build["buildStatus"] == "SUCCEEDED", base.log(build)
    assert f"answers {status}" in base.log(build)
    assert "asked again in 5 s" in base.log(build)
    assert base.newest() != newest


def test_pulls_that_are_used_up_are_waited_for(base: Base) -> None:
    base.hub.publish("python:3.13-slim", change="after the limit")
    base.hub.account(USER, TOKEN, limit=0)
    try:
        build = base.refresh(UPSTREAM_PATIENCE="4")
    finally:
        base.hub.account(USER, TOKEN, limit=200)
    assert build["buildStatus"] == "FAILED"
    assert "the registry says that no pulls are left" in base.log(build)
    assert base.hub.pulls() == 0


def test_an_outage_for_good_fails_with_its_reason_and_the_last_image_stays(base: Base) -> None:
    newest, before = base.newest(), base.images()
    base.hub.publish("python:3.13-slim", change="never seen")
    base.hub.fail(429)
    build = base.refresh(UPSTREAM_PATIENCE="4")
    assert build["buildStatus"] == "FAILED"
    reason = [line for line in base.log(build).splitlines() if line.startswith("error:")][-1]
    assert "docker.io/library/python:3.13-slim cannot be looked at" in reason
    assert "answers 429 Too Many Requests; not asked again after" in reason
    assert (base.newest(), base.images()) == (newest, before)


def test_the_credential_is_in_no_log_and_in_no_image(base: Base) -> None:
    for build_id in base.cloud.client("codebuild").list_builds_for_project(projectName=base.project)["ids"]:
        (build,) = base.cloud.client("codebuild").batch_get_builds(ids=[build_id])["builds"]
        assert TOKEN not in base.log(build)
        assert TOKEN not in json.dumps(build, default=str)
    image = f"{base.cloud.account}.dkr.ecr.{base.cloud.region}.amazonaws.com/hubbase@{base.newest()}"
    history = base.cloud.run("docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert history
    assert TOKEN not in history


def test_a_wrong_credential_fails_with_what_docker_hub_says(base: Base) -> None:
    secrets = base.cloud.client("secretsmanager")
    secrets.put_secret_value(
        SecretId="docker-hub/ci", SecretString=json.dumps({"username": USER, "accessToken": "wrong"})
    )
    build = base.refresh(UPSTREAM_PATIENCE="4")
    assert build["buildStatus"] == "FAILED"
    assert "incorrect username or password" in base.log(build)

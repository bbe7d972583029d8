"""The whole slice: from a Git push to a running container, and what keeps it safe."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.testing.registry_client import RegistryClient
from tests.localcloud.changes import (
    ACCOUNT_ID_CONVENTION,
    BASE_IMAGE_CONVENTION,
    DOES_NOT_BUILD,
    FROM_DOCKER_HUB,
    NEVER_HEALTHY,
    UNCHANGED_OFFICIAL_IMAGE,
    dockerfile,
    greet,
)
from tests.localcloud.conftest import Platform

pytestmark = pytest.mark.xdist_group("platform", order=6)


def test_the_service_answers_and_everything_is_visible_through_the_api(platform: Platform) -> None:
    cloud = platform.cloud
    assert platform.get() == "Hello from pythonbase\n"

    repositories = {
        name: cloud.client("ecr").describe_images(repositoryName=name)["imageDetails"]
        for name in ("pythonbase", "hello")
    }
    assert any("latest" in image.get("imageTags", []) for image in repositories["pythonbase"])
    service_digests = {image["imageDigest"] for image in repositories["hello"]}

    projects = [
        name
        for name in cloud.client("codebuild").list_projects()["projects"]
        if name.startswith(("Hello-", "Pythonbase-"))
    ]
    environments = [
        {variable["name"]: variable["value"] for variable in project["environment"]["environmentVariables"]}
        for project in cloud.client("codebuild").batch_get_projects(names=projects)["projects"]
    ]
    assert len(environments) == 2
    assert all(environment["AWS_ACCOUNT_ID"] == cloud.account for environment in environments)

    codepipeline = cloud.client("codepipeline")
    newest = codepipeline.list_pipeline_executions(pipelineName="hello")["pipelineExecutionSummaries"][0]
    assert newest["status"] == "Succeeded"
    stages = codepipeline.get_pipeline_state(name="hello")["stageStates"]
    assert [(stage["stageName"], stage["latestExecution"]["status"]) for stage in stages] == [
        ("Source", "Succeeded"),
        ("Build", "Succeeded"),
        ("Deploy", "Succeeded"),
    ]

    digest = platform.running_image().partition("@")[2]
    assert digest in service_digests
    recorded = cloud.client("ssm").get_parameter(Name="/pythonbase/services/hello/image")["Parameter"]["Value"]
    assert recorded == platform.running_image()


def test_the_summary_says_what_runs(platform: Platform) -> None:
    summary = json.loads((platform.cloud.home / "summary.json").read_text())
    assert summary["endpoint_url"] == platform.cloud.endpoint_url
    (service,) = summary["services"]
    assert service["name"] == "hello"
    assert service["pipeline_status"] == "Succeeded"
    assert service["image_digest"] == platform.running_image().partition("@")[2]
    latest = platform.cloud.client("ecr").describe_images(
        repositoryName="pythonbase", imageIds=[{"imageTag": "latest"}]
    )
    assert service["base_digest"] == latest["imageDetails"][0]["imageDigest"]
    assert Path(service["git_url"]).is_dir()
    assert set(summary["seconds"]) == {"local cloud", "bootstrap", "deploy", "handshake", "release", "total"}


def test_a_push_replaces_the_version_and_no_request_fails_meanwhile(platform: Platform, tmp_path: Path) -> None:
    before = platform.running_image()
    answers: list[str] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            try:
                answers.append(platform.get())
            except OSError as error:
                answers.append(f"failed: {error}")
            time.sleep(0.05)

    client = threading.Thread(target=poll)
    client.start()
    try:
        commit = platform.push(tmp_path, greet("Hello again"), message="Greet again")
        execution = platform.wait_for_end(commit)
        assert execution["status"] == "Succeeded"
        time.sleep(1)
    finally:
        stop.set()
        client.join()

    assert [answer for answer in answers if answer.startswith("failed")] == []
    assert answers[0] == "Hello from pythonbase\n"
    assert answers[-1] == "Hello again\n"
    assert platform.running_image() != before


def test_deploying_again_changes_nothing_and_the_diff_is_empty_after_a_release(platform: Platform) -> None:
    image = platform.running_image()

    diff = platform.cloud.cdk("diff", "--all", "--fail", config=platform.config, check=False)
    assert diff.returncode == 0, diff.stdout + diff.stderr
    # what the diff has synthesized
    synthesized = ("--app", str(platform.cloud.home / "cdk.out"))
    deployed = platform.cloud.run("cdk", "deploy", "--all", *synthesized, "--require-approval", "never")
    assert deployed.stderr.count("(no changes)") + deployed.stdout.count("(no changes)") == 5, deployed.stderr

    assert platform.running_image() == image
    assert platform.get() == "Hello again\n"


@pytest.mark.parametrize(
    "text",
    [ACCOUNT_ID_CONVENTION, BASE_IMAGE_CONVENTION, UNCHANGED_OFFICIAL_IMAGE],
    ids=["account", "image", "official"],
)
def test_a_dockerfile_of_each_convention_builds_on_the_base_image(
    platform: Platform, tmp_path: Path, text: str
) -> None:
    commit = platform.push(tmp_path, dockerfile(text), message="Another way to name the base")
    execution = platform.wait_for_end(commit)
    assert execution["status"] == "Succeeded", platform.build_log(execution)

    (latest,) = platform.cloud.client("ecr").describe_images(
        repositoryName="pythonbase", imageIds=[{"imageTag": "latest"}]
    )["imageDetails"]
    image = _configuration(platform, platform.running_image())
    base = _configuration(platform, f"{_registry(platform)}/pythonbase@{latest['imageDigest']}")
    labels = image["config"]["Labels"]
    assert labels["org.opencontainers.image.base.digest"] == latest["imageDigest"]
    assert labels["org.opencontainers.image.revision"] == commit
    base_layers = base["rootfs"]["diff_ids"]
    assert image["rootfs"]["diff_ids"][: len(base_layers)] == base_layers


def _registry(platform: Platform) -> str:
    return f"{platform.cloud.account}.dkr.ecr.{platform.cloud.region}.amazonaws.com"


def _configuration(platform: Platform, reference: str) -> dict[str, Any]:
    """The image configuration that the registry holds."""
    repository, _, digest = reference.partition("@")
    manifest = platform.cloud.client("ecr").batch_get_image(
        repositoryName=repository.partition("/")[2], imageIds=[{"imageDigest": digest}]
    )["images"][0]["imageManifest"]
    registry = RegistryClient(platform.cloud, platform.cloud.client("ecr"))
    blob = registry.call("GET", f"/v2/{repository.partition('/')[2]}/blobs/{json.loads(manifest)['config']['digest']}")
    return dict(json.loads(blob.body))


def test_a_commit_that_does_not_build_leaves_the_old_version(platform: Platform, tmp_path: Path) -> None:
    before = platform.running_image()
    execution = platform.wait_for_end(platform.push(tmp_path, dockerfile(DOES_NOT_BUILD), message="Break the build"))

    assert execution["status"] == "Failed"
    assert platform.failure(execution)["stageName"] == "Build"
    assert "this step has a reason to fail" in platform.build_log(execution)
    assert platform.running_image() == before
    platform.get()


def test_a_build_may_not_take_anything_from_docker_hub(platform: Platform, tmp_path: Path) -> None:
    execution = platform.wait_for_end(platform.push(tmp_path, dockerfile(FROM_DOCKER_HUB), message="Copy from redis"))

    assert execution["status"] == "Failed"
    log = platform.build_log(execution)
    assert "docker.io/bitnami/redis:7" in log
    assert "denied by policy" in log or "not allowed" in log
    assert "error: Dockerfile:3: docker.io/bitnami/redis:7 is on Docker Hub, which this build may not use" in log


def test_a_service_builds_while_docker_hub_is_down_and_asks_it_for_nothing(platform: Platform, tmp_path: Path) -> None:
    hub = docker_hub.control(platform.cloud.instance)
    hub.reset()
    hub.fail(429)
    try:
        commit = platform.push(tmp_path, dockerfile(UNCHANGED_OFFICIAL_IMAGE), message="Build during an outage")
        execution = platform.wait_for_end(commit)
    finally:
        hub.recover()
    assert execution["status"] == "Succeeded", platform.build_log(execution)
    assert hub.requests() == []


def test_a_version_that_never_answers_its_health_check_is_rolled_back(platform: Platform, tmp_path: Path) -> None:
    before = platform.running_image()
    recorded = platform.cloud.client("ssm").get_parameter(Name="/pythonbase/services/hello/image")["Parameter"]["Value"]
    execution = platform.wait_for_end(platform.push(tmp_path, dockerfile(NEVER_HEALTHY), message="Never answer"))

    assert execution["status"] == "Failed"
    assert platform.failure(execution)["stageName"] == "Deploy"
    platform.get()
    assert platform.running_image() == before
    parameter = platform.cloud.client("ssm").get_parameter(Name="/pythonbase/services/hello/image")["Parameter"]
    assert parameter["Value"] == recorded

"""Pull requests: built and tested like a release, by something that can do nothing else."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.registry_client import RegistryClient
from tests.localcloud.monorepo import CHECKS, DOCKERFILE, FOLDER, PULL_REQUESTS, RELEASE, Monorepo

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("monorepo", order=7)]

_BUILD_OF_PULL_REQUESTS = "PipelinePullRequestsBuildRole"
_BUILD_OF_RELEASES = "PipelineBuildRole"


def test_a_pull_request_is_built_and_tested_and_nothing_of_it_is_pushed(monorepo: Monorepo) -> None:
    before = monorepo.pushed_images()
    _, commit = monorepo.pull_request("greet", {f"{FOLDER}/checks.py": CHECKS + "# a change\n"})
    execution = monorepo.ended(PULL_REQUESTS, commit)
    build = monorepo.build(PULL_REQUESTS, execution)
    assert execution["status"] == "Succeeded", monorepo.log(build)
    assert f"commit {commit} is built and tested" in monorepo.log(build)
    assert monorepo.cases(build) == dict.fromkeys(("reaches_no_network", "has_no_credentials", "greets"), "SUCCEEDED")
    assert monorepo.about(RELEASE, commit) == []
    assert monorepo.pushed_images() == before


def test_a_push_to_a_pull_request_builds_it_again_and_failed_tests_fail_it(monorepo: Monorepo) -> None:
    _, first = monorepo.pull_request("again", {f"{FOLDER}/README.md": "1\n"})
    assert monorepo.ended(PULL_REQUESTS, first)["status"] == "Succeeded"
    second = monorepo.commit({f"{FOLDER}/checks.py": CHECKS.replace('"hello"', '"bye"', 1)}, branch="again")
    monorepo.push("again")
    execution = monorepo.ended(PULL_REQUESTS, second)
    assert execution["status"] == "Failed"
    assert monorepo.cases(monorepo.build(PULL_REQUESTS, execution))["greets"] == "FAILED"


def test_a_pull_request_outside_the_folder_starts_nothing(monorepo: Monorepo) -> None:
    _, commit = monorepo.pull_request("elsewhere", {"services/payments/app.py": "2\n"})
    assert monorepo.about(PULL_REQUESTS, commit) == []


def test_the_source_policy_is_that_of_a_release(monorepo: Monorepo) -> None:
    dockerfile = f"{DOCKERFILE}COPY --from=bitnami/redis:7 /opt/redis.conf /tmp/\n"
    _, commit = monorepo.pull_request("redis", {f"{FOLDER}/Dockerfile": dockerfile})
    execution = monorepo.ended(PULL_REQUESTS, commit)
    assert execution["status"] == "Failed"
    log = monorepo.log(monorepo.build(PULL_REQUESTS, execution))
    assert "docker.io/bitnami/redis:7 is on Docker Hub, which this build may not use" in log


def test_a_context_that_leads_out_of_the_repository_is_refused(monorepo: Monorepo) -> None:
    monorepo.commit({}, branch="link")
    folder = monorepo.clone / FOLDER
    subprocess.run(["git", "rm", "-r", "--quiet", FOLDER], cwd=monorepo.clone, check=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to("/root")
    monorepo.git("add", "--all")
    monorepo.git("commit", "--quiet", "--message", "Build the host's home folder")
    commit = monorepo.git("rev-parse", "HEAD")
    monorepo.push("link")
    monorepo.bitbucket.open_pull_request("acme/shop", source="link")
    execution = monorepo.ended(PULL_REQUESTS, commit)
    assert execution["status"] == "Failed"
    log = monorepo.log(monorepo.build(PULL_REQUESTS, execution))
    assert "error: services/orders/Dockerfile leads out of the repository" in log
    assert "exporting to image" not in log


def test_what_a_dockerfile_runs_finds_no_credentials(monorepo: Monorepo) -> None:
    looks = (
        "RUN ! env | grep -E '^(AWS|DOCKER|CODEBUILD|TEST_COMMAND)'"
        " && test ! -e /root/.docker -a ! -e /var/run/docker.sock -a ! -e /codebuild\n"
    )
    dockerfile = DOCKERFILE.replace("USER app\n", f"{looks}USER app\n")
    _, commit = monorepo.pull_request("look", {f"{FOLDER}/Dockerfile": dockerfile})
    execution = monorepo.ended(PULL_REQUESTS, commit)
    assert execution["status"] == "Succeeded", monorepo.log(monorepo.build(PULL_REQUESTS, execution))


# -- the rights of the build's role ------------------------------------------------------------------------------------

Session = Callable[[str], Any]


@contextmanager
def _session(monorepo: Monorepo, role: str) -> Iterator[Session]:
    """boto3 clients with the role's permissions: who may assume it is changed for a moment, what it may do is not."""
    iam, name = monorepo.cloud.client("iam"), monorepo.role(role)
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    root = {"AWS": f"arn:aws:iam::{monorepo.cloud.account}:root"}
    open_trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(open_trust))
    try:
        arn = f"arn:aws:iam::{monorepo.cloud.account}:role/{name}"
        keys = monorepo.cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="attempt")["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=monorepo.cloud.endpoint_url,
            region_name=monorepo.cloud.region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            verify=monorepo.cloud.environment()["AWS_CA_BUNDLE"],
            config=Config(retries={"max_attempts": 1}),
        )

    yield client


def _attempts(monorepo: Monorepo) -> dict[str, Callable[[Session], object]]:
    """What somebody would do who wants to run something else in production."""
    cluster = next(arn for arn in monorepo.cloud.client("ecs").list_clusters()["clusterArns"] if "Network" in arn)
    definition = monorepo.cloud.client("ecs").describe_services(cluster=cluster, services=["orders"])["services"][0]
    state = "/pythonbase/services/orders/image"
    return {
        "ecr:InitiateLayerUpload": lambda client: client("ecr").initiate_layer_upload(repositoryName="orders"),
        "ecr:PutImage": lambda client: client("ecr").put_image(
            repositoryName="orders", imageManifest="{}", imageTag="x"
        ),
        "ecs:UpdateService": lambda client: client("ecs").update_service(
            cluster=cluster, service="orders", taskDefinition=definition["taskDefinition"]
        ),
        "ecs:RegisterTaskDefinition": lambda client: client("ecs").register_task_definition(
            family="orders", containerDefinitions=[{"name": "app", "image": "x"}]
        ),
        "ssm:PutParameter": lambda client: client("ssm").put_parameter(Name=state, Value="x", Overwrite=True),
        "codepipeline:StartPipelineExecution": lambda client: client("codepipeline").start_pipeline_execution(
            name="orders"
        ),
        "secretsmanager:GetSecretValue": lambda client: client("secretsmanager").get_secret_value(
            SecretId="bitbucket/statuses"
        ),
        "sts:AssumeRole": lambda client: client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{monorepo.cloud.account}:role/{monorepo.role(_BUILD_OF_RELEASES)}",
            RoleSessionName="attempt",
        ),
    }


def test_whatever_a_pull_requests_build_attempts_is_refused(monorepo: Monorepo) -> None:
    with _session(monorepo, _BUILD_OF_PULL_REQUESTS) as client:
        for action, attempt in _attempts(monorepo).items():
            with pytest.raises(ClientError) as refused:
                attempt(client)
            said = str(refused.value)
            assert f"not authorized to perform: {action}" in said, said


def test_the_registry_lets_it_pull_the_base_image_and_push_nothing(monorepo: Monorepo) -> None:
    with _session(monorepo, _BUILD_OF_PULL_REQUESTS) as client:
        registry = RegistryClient(monorepo.cloud, client("ecr"))
        assert registry.call("GET", "/v2/pythonbase/manifests/latest").status == 200
        for repository in ("orders", "pythonbase"):
            refused = registry.call("POST", f"/v2/{repository}/blobs/uploads/", b"")
            assert (refused.status, refused.error["code"]) == (403, "DENIED")
        assert registry.call("GET", "/v2/orders/manifests/latest").status == 403


def test_the_release_may_push_so_that_the_refusals_above_mean_something(monorepo: Monorepo) -> None:
    with _session(monorepo, _BUILD_OF_RELEASES) as client:
        assert client("ecr").initiate_layer_upload(repositoryName="orders")["uploadId"]
        registry = RegistryClient(monorepo.cloud, client("ecr"))
        assert registry.call("POST", "/v2/orders/blobs/uploads/", b"").status == 202


def test_the_artifacts_of_the_release_are_out_of_reach(monorepo: Monorepo) -> None:
    codepipeline = monorepo.cloud.client("codepipeline")
    buckets = {
        name: codepipeline.get_pipeline(name=name)["pipeline"]["artifactStore"]["location"]
        for name in (RELEASE, PULL_REQUESTS)
    }
    assert buckets[RELEASE] != buckets[PULL_REQUESTS]
    own = monorepo.cloud.client("s3").list_objects_v2(Bucket=buckets[PULL_REQUESTS])["Contents"][0]["Key"]
    released = monorepo.cloud.client("s3").list_objects_v2(Bucket=buckets[RELEASE])["Contents"][0]["Key"]
    with _session(monorepo, _BUILD_OF_PULL_REQUESTS) as client:
        assert client("s3").get_object(Bucket=buckets[PULL_REQUESTS], Key=own)["Body"].read()
        attempts: list[Callable[[], object]] = [
            lambda: client("s3").get_object(Bucket=buckets[RELEASE], Key=released),
            lambda: client("s3").put_object(Bucket=buckets[RELEASE], Key=released, Body=b"x"),
            lambda: client("s3").put_object(Bucket=buckets[PULL_REQUESTS], Key=own, Body=b"x"),
        ]
        for attempt in attempts:
            with pytest.raises(ClientError, match="AccessDenied"):
                attempt()

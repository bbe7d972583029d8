"""`pythonbase doctor` on the deployed demo: good as it is, and broken in one way after another."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from pythonbase_localcloud.testing.callers import allow, session_of_caller, unique, wait_for
from pythonbase_localcloud.testing.cloud import ROOT, Cloud
from tests.localcloud.conftest import Platform

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("platform", order=6)]

BUILDS, RULES = ("codebuild", "L-9D07B6EF"), ("events", "L-244521F2")
CONNECTIONS = "https://eu-west-1.console.aws.amazon.com/codesuite/settings/connections"


def doctor(cloud: Cloud, config: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in the application's folder."""
    return subprocess.run(
        [ROOT / ".venv" / "bin" / "pythonbase", "doctor", "--config", config, *options],
        cwd=ROOT,
        env={**cloud.environment(), **environment},
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )


def findings(platform: Platform, config: Path | None = None, *, code: int = 1) -> list[tuple[str, str, str]]:
    """Place, what is wrong and the fix of all that is found."""
    done = doctor(platform.cloud, config or platform.config, "--format", "json")
    assert done.returncode == code, done.stdout + done.stderr
    return [(item["place"], item["what"], item["fix"]) for item in json.loads(done.stdout)["findings"]]


@pytest.fixture
def changed(platform: Platform, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """The demo's configuration with something changed in it, which is not deployed."""

    def write(change: Callable[[dict[str, Any]], None]) -> Path:
        document = yaml.safe_load(platform.config.read_text())
        document["base_images"][0]["path"] = str(ROOT / "images" / "pythonbase")
        change(document)
        config = tmp_path / "changed.yaml"
        config.write_text(yaml.safe_dump(document))
        return config

    return write


@pytest.fixture(scope="module", autouse=True)
def _released(platform: Platform) -> None:
    """Other tests may have left the last release of the demo failed."""
    codepipeline = platform.cloud.client("codepipeline")
    states = codepipeline.get_pipeline_state(name="hello")["stageStates"]
    if any(stage.get("latestExecution", {}).get("status") != "Succeeded" for stage in states):
        _release(platform)


def _release(platform: Platform) -> None:
    codepipeline = platform.cloud.client("codepipeline")
    execution = codepipeline.start_pipeline_execution(name="hello")["pipelineExecutionId"]
    ended = wait_for(lambda: _ended(platform, execution), seconds=300)
    assert ended == "Succeeded", ended


def _ended(platform: Platform, execution: str) -> str | None:
    found = platform.cloud.client("codepipeline").get_pipeline_execution(
        pipelineName="hello", pipelineExecutionId=execution
    )["pipelineExecution"]["status"]
    return None if found in ("InProgress", "Stopping") else str(found)


# -- a good set-up -----------------------------------------------------------------------------------------------------


def test_a_good_platform_is_called_good_within_5_seconds(platform: Platform) -> None:
    seconds = []
    for _ in range(3):  # other tests run beside this one: the quickest says how long it takes
        started = time.monotonic()
        done = doctor(platform.cloud, platform.config)
        seconds.append(time.monotonic() - started)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"good: {platform.config} in account {platform.cloud.account}, eu-west-1: ")
    assert len(done.stdout.splitlines()) == 1
    assert min(seconds) < 5


def test_programs_read_that_it_is_good(platform: Platform) -> None:
    done = doctor(platform.cloud, platform.config, "--format", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["good"], document["findings"]) == (0, True, [])
    assert (document["account"], document["region"]) == (platform.cloud.account, "eu-west-1")


# -- broken set-ups ----------------------------------------------------------------------------------------------------


@contextmanager
def _parameter(platform: Platform, name: str, value: str) -> Iterator[None]:
    ssm = platform.cloud.client("ssm")
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    try:
        yield
    finally:
        ssm.put_parameter(Name=name, Value=before, Type="String", Overwrite=True)


@contextmanager
def _quota(platform: Platform, quota: tuple[str, str], value: float) -> Iterator[None]:
    quotas, (service, code) = platform.cloud.client("service-quotas"), quota
    before = quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"]
    quotas.request_service_quota_increase(ServiceCode=service, QuotaCode=code, DesiredValue=value)
    try:
        yield
    finally:
        quotas.request_service_quota_increase(ServiceCode=service, QuotaCode=code, DesiredValue=before)


def test_a_bootstrap_that_is_too_old(platform: Platform) -> None:
    with _parameter(platform, "/cdk-bootstrap/hnb659fds/version", "5"):
        assert findings(platform) == [
            (
                "CDK bootstrap",
                "version 5 in eu-west-1 is too old; stacks need 6 or later",
                f"cdk bootstrap aws://{platform.cloud.account}/eu-west-1",
            )
        ]


def test_a_connection_whose_handshake_is_not_finished(
    platform: Platform, changed: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    name = unique("late")
    connections = platform.cloud.client("codeconnections")
    arn = connections.create_connection(ProviderType="Bitbucket", ConnectionName=name)["ConnectionArn"]
    config = changed(lambda document: document.update(bitbucket={"connection_arn": arn}))
    try:
        ((place, what, fix),) = findings(platform, config)
    finally:
        connections.delete_connection(ConnectionArn=arn)
    assert (place, what) == (f"connection {name}", "its handshake is not finished (PENDING)")
    assert fix.startswith(f"open {CONNECTIONS}, choose {name}, Update pending connection;")


def test_a_connection_that_does_not_exist(
    platform: Platform, changed: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    arn = f"arn:aws:codeconnections:eu-west-1:{platform.cloud.account}:connection/00000000-0000-0000-0000-000000000000"
    config = changed(lambda document: document.update(bitbucket={"connection_arn": arn}))
    ((place, what, fix),) = findings(platform, config)
    assert place == f"{config}: bitbucket.connection_arn"
    assert what == f"there is no connection {arn}"
    assert "write the ARN of a connection in eu-west-1" in fix


def test_a_secret_that_is_named_and_absent(
    platform: Platform, changed: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    config = changed(lambda document: document["services"][0].update(secrets={"DB_PASSWORD": "hello/db"}))
    assert findings(platform, config) == [
        (
            f"{config}: services[0].secrets.DB_PASSWORD",
            "there is no secret hello/db",
            "aws secretsmanager create-secret --name hello/db --secret-string file://value.txt",
        )
    ]


def test_a_service_that_is_declared_and_not_deployed(
    platform: Platform, changed: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    config = changed(lambda document: document["services"].append({"name": "orders", "repository": "acme/orders"}))
    assert findings(platform, config) == [("service orders", "it is declared but not deployed", "cdk deploy Orders")]


def test_a_base_image_that_is_not_deployed(
    platform: Platform, changed: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    folder = str(ROOT / "images" / "pythonbase")
    config = changed(lambda document: document["base_images"].append({"name": "python-next", "path": folder}))
    assert findings(platform, config) == [
        ("base image python-next", "its repository does not exist", "cdk deploy PythonNext")
    ]


def test_a_base_image_without_the_tag_that_everybody_follows(platform: Platform) -> None:
    ecr = platform.cloud.client("ecr")
    tag = [{"imageTag": "latest"}]
    (image,) = ecr.batch_get_image(repositoryName="pythonbase", imageIds=tag)["images"]
    ecr.batch_delete_image(repositoryName="pythonbase", imageIds=tag)
    try:
        ((place, what, fix),) = findings(platform)
        # The fix is what it says it is.
        project = fix.rpartition(" ")[2]
        assert fix == f"aws codebuild start-build --project-name {project}"
        assert _build(platform, project) == "SUCCEEDED"
        assert findings(platform, code=0) == []
    finally:
        if not _has_tag(platform, "latest"):
            ecr.put_image(repositoryName="pythonbase", imageManifest=image["imageManifest"], imageTag="latest")
    assert place == "base image pythonbase"
    assert what == "no image has the tag latest, so builds and new services have no base image"


def _has_tag(platform: Platform, tag: str) -> bool:
    details = platform.cloud.client("ecr").describe_images(repositoryName="pythonbase")["imageDetails"]
    return any(tag in item.get("imageTags", []) for item in details)


def _build(platform: Platform, project: str, **overrides: str) -> str:
    codebuild = platform.cloud.client("codebuild")
    build = codebuild.start_build(projectName=project, **overrides)["build"]["id"]

    def over() -> str | None:
        status = codebuild.batch_get_builds(ids=[build])["builds"][0]["buildStatus"]
        return None if status == "IN_PROGRESS" else str(status)

    return wait_for(over, seconds=120)


def test_a_base_image_whose_last_refresh_failed(platform: Platform) -> None:
    (project,) = [
        name for name in platform.cloud.client("codebuild").list_projects()["projects"] if "BaseImage" in name
    ]
    broken = "version: 0.2\nphases: {build: {commands: ['echo upstream is away; exit 7']}}"
    assert _build(platform, project, buildspecOverride=broken) == "FAILED"
    try:
        ((place, what, fix),) = findings(platform)
    finally:
        assert _build(platform, project) == "SUCCEEDED"
    assert place == "base image pythonbase"
    assert what.startswith("its last build ended FAILED: BUILD: ")
    assert "exit status 7" in what
    assert fix.endswith(f"then: aws codebuild start-build --project-name {project}")
    assert findings(platform, code=0) == []


def test_an_account_in_which_no_build_may_run(platform: Platform) -> None:
    with _quota(platform, BUILDS, 0):
        assert findings(platform) == [
            (
                "quota builds that run at once (Linux/Small)",
                "it is 0, so every build fails to start",
                "aws service-quotas request-service-quota-increase --service-code codebuild "
                "--quota-code L-9D07B6EF --desired-value N",
            )
        ]


def test_more_rules_than_the_bus_takes(platform: Platform) -> None:
    rules = platform.cloud.client("events").list_rules()["Rules"]
    assert rules
    with _quota(platform, RULES, len(rules) - 1):
        ((place, what, fix),) = findings(platform)
    assert place == "quota EventBridge rules per bus"
    assert what == f"it is {len(rules) - 1}; {len(rules)} exist and the configuration needs 0 more"
    assert "--quota-code L-244521F2" in fix


def test_a_service_that_runs_something_else_than_is_recorded(platform: Platform) -> None:
    running = platform.running_image()
    recorded = running.partition("@")[0] + "@sha256:" + "0" * 64
    with _parameter(platform, "/pythonbase/services/hello/image", recorded):
        ((place, what, fix),) = findings(platform)
    assert place == "service hello"
    assert what == f"it runs {running}, but {recorded} is recorded"
    assert "cdk deploy Hello would deploy the recorded one" in fix


def test_a_pipeline_with_a_failed_stage(platform: Platform) -> None:
    codepipeline = platform.cloud.client("codepipeline")
    gone = {"actionName": "Bitbucket", "revisionType": "COMMIT_ID", "revisionValue": "0" * 40}
    execution = codepipeline.start_pipeline_execution(name="hello", sourceRevisions=[gone])["pipelineExecutionId"]
    assert wait_for(lambda: _ended(platform, execution)) == "Failed"
    try:
        ((place, what, fix),) = findings(platform)
    finally:
        _release(platform)
    assert place == "pipeline hello"
    assert what == f"stage Source failed in Bitbucket: [Bitbucket] Commit {'0' * 40} is not in acme/hello any more"
    assert fix.startswith("push a fix, or retry: aws codepipeline retry-stage-execution --pipeline-name hello")
    assert execution in fix


def test_zones_of_a_network_whose_creation_failed_are_looked_at(
    platform: Platform, changed: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    cloudformation, taken = platform.cloud.client("cloudformation"), unique("taken")
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "x.aws"}}]}
    platform.cloud.client("iam").create_role(RoleName=taken, AssumeRolePolicyDocument=json.dumps(trust))
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": taken, "AssumeRolePolicyDocument": trust}}
    cloudformation.create_stack(
        StackName="BrokenNetwork",
        TemplateBody=json.dumps({"Resources": {"Role": role}}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    status = "ROLLBACK_COMPLETE"
    wait_for(lambda: cloudformation.describe_stacks(StackName="BrokenNetwork")["Stacks"][0]["StackStatus"] == status)

    def change(document: dict[str, Any]) -> None:
        document.update(prefix="broken", environment={"account": platform.cloud.account, "region": "eu-west-1"})
        document["network"] = {"availability_zones": ["eu-west-1a", "eu-west-1x"]}

    try:
        found = findings(platform, changed(change))
    finally:
        cloudformation.delete_stack(StackName="BrokenNetwork")
    whats = [(what, fix) for _, what, fix in found]
    zones = "eu-west-1a, eu-west-1b, eu-west-1c"
    assert (
        "the zone eu-west-1x is not available in this account",
        f"set availability_zones to some of {zones}",
    ) in whats
    assert any(what == f"its creation failed ({status})" for what, _ in whats)


# -- it cannot run -----------------------------------------------------------------------------------------------------


def test_wrong_credentials_are_one_line(platform: Platform) -> None:
    done = doctor(platform.cloud, platform.config, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pythonbase doctor: AWS rejects the credentials: ")
    assert len(done.stderr.splitlines()) == 1


def test_credentials_of_another_account_are_one_line(
    platform: Platform, changed: Callable[[Callable[[dict[str, Any]], None]], Path]
) -> None:
    config = changed(lambda document: document.update(environment={"account": "123456789012"}))
    done = doctor(platform.cloud, config)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"pythonbase doctor: the credentials are of account {platform.cloud.account}, but {config} names "
        "123456789012; use others\n"
    )


# -- permissions -------------------------------------------------------------------------------------------------------


def _as(platform: Platform, *statements: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run it as somebody who may do what the statements say."""
    session = session_of_caller(platform.cloud, *statements)
    return doctor(
        platform.cloud,
        platform.config,
        AWS_ACCESS_KEY_ID=session["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=session["SecretAccessKey"],
        AWS_SESSION_TOKEN=session["SessionToken"],
    )


def test_the_permissions_that_its_document_lists_suffice(platform: Platform) -> None:
    actions = re.findall(r"`([a-z]+:[A-Z]\w+)`", (ROOT / "docs" / "doctor.md").read_text())
    assert len(actions) > 10
    done = _as(platform, allow(*actions))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("good: ")


def test_what_the_caller_may_not_read_is_an_error_and_no_good_platform(platform: Platform) -> None:
    done = _as(platform, allow("*"), {**allow("ecr:DescribeImages"), "Effect": "Deny"})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "base images: cannot be checked: " in done.stdout
    assert "fix: allow DescribeImages to the caller" in done.stdout

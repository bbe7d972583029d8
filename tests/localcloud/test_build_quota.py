"""An account whose quota of builds is used up: what is refused, told, and tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pythonbase.pipelines.bitbucket_source import CONNECTION_TAG
from pythonbase_localcloud.testing.builds import Project
from pythonbase_localcloud.testing.callers import allow, service_role, unique, wait_for
from pythonbase_localcloud.testing.cloud import ROOT, Cloud
from pythonbase_localcloud.testing.pipelines import Repository, authorize

pytestmark = pytest.mark.slow

CONFIG = f"""\
prefix: quota
base_images:
  - name: pythonbase
    path: {ROOT}/images/pythonbase
services:
  - name: orders
    repository: acme/orders
"""
SLEEP = "version: 0.2\nphases: {build: {commands: [sleep 600]}}"


@pytest.fixture(scope="module")
def account(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Bootstrapped; the quota is AWS's again afterwards."""
    folder = tmp_path_factory.mktemp("bootstrap")
    cloud.run("cdk", "bootstrap", f"aws://{cloud.account}/{cloud.region}", cwd=folder)
    yield cloud
    _set_quota(cloud, 60)


def _set_quota(cloud: Cloud, builds: int) -> None:
    cloud.client("service-quotas").request_service_quota_increase(
        ServiceCode="codebuild", QuotaCode="L-9D07B6EF", DesiredValue=builds
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("quota") / "platform.yaml"
    file.write_text(CONFIG)
    return file


def test_a_build_beyond_the_quota_is_refused(account: Cloud) -> None:
    project = Project(account)
    _set_quota(account, 0)
    with pytest.raises(ClientError, match="Cannot have more than 0 builds in queue for the account") as refused:
        project.start()
    assert refused.value.response["Error"]["Code"] == "AccountLimitExceededException"
    _set_quota(account, 1)
    running = project.start(buildspecOverride=SLEEP)
    with pytest.raises(ClientError, match="Cannot have more than 1 builds in queue for the account"):
        project.start()
    project.client.stop_build(id=running)
    assert project.build()["buildStatus"] == "SUCCEEDED"


def test_without_any_builds_the_deployment_fails_at_once_with_what_to_do(account: Cloud, config: Any) -> None:
    _set_quota(account, 0)
    failed = account.cdk("deploy", "QuotaPythonbase", "--require-approval", "never", config=config, check=False)
    assert failed.returncode != 0
    output = failed.stderr + failed.stdout
    assert "Cannot have more than 0 builds in queue for the account" in output
    assert "aws service-quotas request-service-quota-increase --service-code codebuild" in output


def test_while_another_build_runs_the_deployment_waits_and_then_builds_once(account: Cloud, config: Any) -> None:
    _set_quota(account, 1)
    project = Project(account)
    running = project.start(buildspecOverride=SLEEP)
    done: list[CompletedProcess[str]] = []

    def deploy() -> None:
        # The stack whose creation failed is deleted first: it is not protected.
        done.append(account.cdk("deploy", "QuotaPythonbase", "--require-approval", "never", config=config, check=False))

    deployment = threading.Thread(target=deploy)
    deployment.start()
    try:
        wait_for(lambda: _refusals(account), seconds=240)
    finally:
        project.client.stop_build(id=running)
        deployment.join(timeout=300)
    assert done[0].returncode == 0, done[0].stdout + done[0].stderr
    (base,) = [
        name for name in account.client("codebuild").list_projects()["projects"] if name.startswith("QuotaPythonbase-")
    ]
    builds = account.client("codebuild").list_builds_for_project(projectName=base)["ids"]
    started = account.client("codebuild").batch_get_builds(ids=builds)["builds"]
    by_deployment = [build for build in started if "DEPLOYMENT_REQUEST_ID" in str(build["environment"])]
    assert [build["buildStatus"] for build in by_deployment] == ["SUCCEEDED"]


def _refusals(cloud: Cloud) -> bool:
    """Whether the deployment's function has said that it was refused."""
    logs = cloud.client("logs")
    return any(
        "not started yet: Cannot have more than 1 builds" in event["message"]
        for group in logs.describe_log_groups()["logGroups"]
        if "FirstBuild" in group["logGroupName"]
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    )


class Pipeline:
    """Source and Build, and the tag of its connection."""

    def __init__(self, cloud: Cloud, *, project: Project, connection: str, repository: str) -> None:
        self.client, self.name = cloud.client("codepipeline"), unique("refused")
        bucket = unique("artifacts")
        cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.region})
        role = service_role(
            cloud,
            "codepipeline.amazonaws.com",
            allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"),
            allow("codeconnections:UseConnection", on=connection),
            allow("codebuild:StartBuild", "codebuild:BatchGetBuilds"),
        )
        source = {
            "name": "Bitbucket",
            "actionTypeId": _type("Source", "CodeStarSourceConnection"),
            "configuration": {"ConnectionArn": connection, "FullRepositoryId": repository, "BranchName": "main"},
            "outputArtifacts": [{"name": "Source"}],
        }
        build = {
            "name": "Image",
            "actionTypeId": _type("Build", "CodeBuild"),
            "configuration": {"ProjectName": project.name},
            "inputArtifacts": [{"name": "Source"}],
        }
        self.client.create_pipeline(
            pipeline={
                "name": self.name,
                "roleArn": role,
                "pipelineType": "V2",
                "executionMode": "PARALLEL",
                "artifactStore": {"type": "S3", "location": bucket},
                "stages": [{"name": "Source", "actions": [source]}, {"name": "Build", "actions": [build]}],
            },
            tags=[{"key": CONNECTION_TAG, "value": connection}],
        )

    def build_attempts(self) -> list[str]:
        """Status of every run of the Build action, newest first."""
        details = self.client.list_action_executions(pipelineName=self.name)["actionExecutionDetails"]
        return [item["status"] for item in details if item["stageName"] == "Build"]

    def statuses(self) -> list[str]:
        """Of its executions."""
        found = self.client.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]
        return [item["status"] for item in found]


def _type(category: str, provider: str) -> dict[str, str]:
    return {"category": category, "owner": "AWS", "provider": provider, "version": "1"}


@pytest.fixture(scope="module")
def connection(account: Cloud, config: Any) -> str:
    account.cdk("deploy", "QuotaBitbucket", "--require-approval", "never", config=config)
    connections = account.client("codeconnections").list_connections()["Connections"]
    (arn,) = [item["ConnectionArn"] for item in connections if item["ConnectionName"].startswith("quota-")]
    authorize(account, arn)
    return str(arn)


def test_a_refused_build_of_a_pipeline_is_retried_and_one_that_failed_is_not(
    account: Cloud, connection: str, tmp_path: Any
) -> None:
    repository = Repository(account, tmp_path)
    repository.push(a="1")
    good, bad = _pipeline_project(account, "true"), _pipeline_project(account, "false")
    _set_quota(account, 0)
    refused = Pipeline(account, project=good, connection=connection, repository=repository.name)
    wait_for(lambda: refused.statuses() == ["Failed"])
    action = refused.client.get_pipeline_state(name=refused.name)["stageStates"][1]["actionStates"][0]
    message = action["latestExecution"]["errorDetails"]["message"]
    assert message.startswith("Error calling startBuild: Cannot have more than 0 builds in queue for the account")
    _set_quota(account, 10)
    broken = Pipeline(account, project=bad, connection=connection, repository=repository.name)

    # The first pause is between half a minute and a whole one.
    wait_for(lambda: refused.statuses() == ["Succeeded"], seconds=120)
    assert refused.build_attempts() == ["Succeeded", "Failed"]
    assert broken.build_attempts() == ["Failed"]
    machines = account.client("stepfunctions").list_state_machines()["stateMachines"]
    (machine,) = [item["stateMachineArn"] for item in machines if item["name"].startswith("QuotaBitbucket-BuildQueue")]
    paths = {_path(account, machine, broken.name), _path(account, machine, refused.name)}
    assert paths == {
        ("Attempts", "Why", "OtherReason"),
        ("Attempts", "Why", "Pause", "Execution", "IsStillFailed", "Retry"),
    }


def _pipeline_project(cloud: Cloud, command: str) -> Project:
    kind, spec = {"type": "CODEPIPELINE"}, f"version: 0.2\nphases: {{build: {{commands: ['{command}']}}}}"
    return Project(cloud, allow("s3:GetObject"), source={**kind, "buildspec": spec}, artifacts=kind)


def _path(cloud: Cloud, machine: str, pipeline: str) -> tuple[str, ...]:
    """The states of the one execution about a pipeline."""
    sfn = cloud.client("stepfunctions")
    arns = [item["executionArn"] for item in sfn.list_executions(stateMachineArn=machine)["executions"]]
    (arn,) = [arn for arn in arns if f'"{pipeline}"' in sfn.describe_execution(executionArn=arn)["input"]]
    wait_for(lambda: sfn.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    return tuple(
        event["stateEnteredEventDetails"]["name"]
        for event in sfn.get_execution_history(executionArn=arn)["events"]
        if "stateEnteredEventDetails" in event
    )

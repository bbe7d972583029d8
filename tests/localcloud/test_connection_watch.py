"""A connection that is finished late: what failed because of it goes on by itself, and nothing else does."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import pytest

from pythonbase.pipelines.bitbucket_source import CONNECTION_TAG
from pythonbase_localcloud.testing.callers import allow, service_role, unique, wait_for
from pythonbase_localcloud.testing.cloud import ROOT, Cloud
from pythonbase_localcloud.testing.pipelines import Repository, authorize

pytestmark = pytest.mark.slow

# An account of its own: other tests deploy a stack Bitbucket too.
ACCOUNT = "222233334444"
CONFIG = f"""\
base_images:
  - name: pythonbase
    path: {ROOT}/images/pythonbase
bitbucket:
  connection_name: finished-late
services:
  - name: orders
    repository: acme/orders
"""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline with a Bitbucket source and an approval behind it."""

    cloud: Cloud
    name: str

    @classmethod
    def create(cls, cloud: Cloud, *, connection: str, repository: str, ours: bool = True) -> Pipeline:
        """It runs once by itself. One of the platform's has a tag with its connection."""
        name, bucket = unique("watched"), unique("artifacts")
        cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": cloud.region})
        role = service_role(
            cloud,
            "codepipeline.amazonaws.com",
            allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/*"),
            allow("codeconnections:UseConnection", on=connection),
        )
        source = {
            "name": "Bitbucket",
            "actionTypeId": _type("Source", "CodeStarSourceConnection"),
            "configuration": {"ConnectionArn": connection, "FullRepositoryId": repository, "BranchName": "main"},
            "outputArtifacts": [{"name": "Source"}],
        }
        approval = {"name": "Approve", "actionTypeId": _type("Approval", "Manual")}
        cloud.client("codepipeline").create_pipeline(
            pipeline={
                "name": name,
                "roleArn": role,
                "pipelineType": "V2",
                "executionMode": "QUEUED",
                "artifactStore": {"type": "S3", "location": bucket},
                "stages": [{"name": "Source", "actions": [source]}, {"name": "Approval", "actions": [approval]}],
            },
            tags=[{"key": CONNECTION_TAG, "value": connection}] if ours else [],
        )
        return cls(cloud, name)

    def executions(self) -> list[tuple[str, str]]:
        """Id and status, newest first."""
        found = self.cloud.client("codepipeline").list_pipeline_executions(pipelineName=self.name)
        return [(item["pipelineExecutionId"], item["status"]) for item in found["pipelineExecutionSummaries"]]

    def failed(self, *, times: int = 1) -> None:
        """Wait for so many failed executions."""
        wait_for(lambda: [status for _, status in self.executions()] == ["Failed"] * times)

    def change(self) -> None:
        """Update the definition, as a deployment in the meantime may do."""
        codepipeline = self.cloud.client("codepipeline")
        definition = codepipeline.get_pipeline(name=self.name)["pipeline"]
        definition["stages"][1]["actions"][0]["name"] = "Sign"
        codepipeline.update_pipeline(pipeline=definition)

    def source_attempts(self) -> list[str]:
        """Status of every run of the Source action, newest first."""
        details = self.cloud.client("codepipeline").list_action_executions(pipelineName=self.name)
        return [item["status"] for item in details["actionExecutionDetails"] if item["stageName"] == "Source"]

    def state(self) -> dict[str, dict[str, Any]]:
        """The stages as the console shows them."""
        stages = self.cloud.client("codepipeline").get_pipeline_state(name=self.name)["stageStates"]
        return {stage["stageName"]: stage for stage in stages}


def _type(category: str, provider: str) -> dict[str, str]:
    return {"category": category, "owner": "AWS", "provider": provider, "version": "1"}


@dataclass(frozen=True)
class Story:
    """What happened before and after the handshake."""

    cloud: Cloud
    machine: str
    once: Pipeline
    twice: Pipeline
    changed: Pipeline
    elsewhere: Pipeline
    foreign: Pipeline
    message_while_pending: str
    attempts_while_pending: list[str]

    def path(self, pipeline: Pipeline, *, executions: int = 1) -> list[list[str]]:
        """The states that the watch went through for each failure of a pipeline, once all have ended."""
        sfn = self.cloud.client("stepfunctions")

        def ended() -> list[str] | None:
            found = sfn.list_executions(stateMachineArn=self.machine)["executions"]
            details = [sfn.describe_execution(executionArn=item["executionArn"]) for item in found]
            about = [item for item in details if pipeline.name in item["input"]]
            over = [item["executionArn"] for item in about if item["status"] == "SUCCEEDED"]
            return over if len(over) == executions else None

        return [
            [
                event["stateEnteredEventDetails"]["name"]
                for event in sfn.get_execution_history(executionArn=arn)["events"]
                if "stateEnteredEventDetails" in event
            ]
            for arn in wait_for(ended)
        ]


@pytest.fixture(scope="module")
def story(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Story:
    cloud = dataclasses.replace(cloud, account=ACCOUNT)
    folder = tmp_path_factory.mktemp("watch")
    config = folder / "platform.yaml"
    config.write_text(CONFIG)
    cloud.run("cdk", "bootstrap", f"aws://{cloud.account}/{cloud.region}", cwd=folder)
    cloud.cdk("deploy", "Bitbucket", "--require-approval", "never", config=config)
    (connection,) = cloud.client("codeconnections").list_connections()["Connections"]
    assert connection["ConnectionStatus"] == "PENDING"
    arn = connection["ConnectionArn"]
    other = cloud.client("codeconnections").create_connection(ProviderType="Bitbucket", ConnectionName="other")

    repository = Repository(cloud, folder)
    repository.push(a="1")
    once = Pipeline.create(cloud, connection=arn, repository=repository.name)
    twice = Pipeline.create(cloud, connection=arn, repository=repository.name)
    changed = Pipeline.create(cloud, connection=arn, repository=repository.name)
    elsewhere = Pipeline.create(cloud, connection=other["ConnectionArn"], repository=repository.name)
    foreign = Pipeline.create(cloud, connection=arn, repository=repository.name, ours=False)
    for pipeline in (once, twice, changed, elsewhere, foreign):
        pipeline.failed()
    changed.change()
    cloud.client("codepipeline").start_pipeline_execution(name=twice.name)
    twice.failed(times=2)
    message = once.state()["Source"]["actionStates"][0]["latestExecution"]["errorDetails"]["message"]
    time.sleep(2)  # a watch that did not wait would retry within it
    attempts = once.source_attempts()

    authorize(cloud, arn)
    machines = cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    (machine,) = [item for item in machines if "-Watch" in item["name"]]
    return Story(cloud, machine["stateMachineArn"], once, twice, changed, elsewhere, foreign, message, attempts)


def test_while_the_connection_is_pending_the_pipeline_says_what_to_click_and_is_left_alone(story: Story) -> None:
    assert "its status is PENDING" in story.message_while_pending
    assert "Settings, Connections, Update pending connection" in story.message_while_pending
    assert story.attempts_while_pending == ["Failed"]


def test_once_it_is_available_the_same_execution_goes_on(story: Story) -> None:
    wait_for(lambda: story.once.state()["Approval"].get("latestExecution"))
    assert [status for _, status in story.once.executions()] == ["InProgress"]
    assert story.once.source_attempts() == ["Succeeded", "Failed"]
    (path,) = story.path(story.once)
    assert path[:4] == ["Pipeline", "UsesConnection", "Connection", "IsAvailable"]
    assert path[-3:] == ["Execution", "IsStillFailed", "Retry"]
    assert path.count("Pause") >= 1


def test_of_several_executions_the_newest_goes_on(story: Story) -> None:
    wait_for(lambda: story.twice.state()["Approval"].get("latestExecution"))
    assert [status for _, status in story.twice.executions()] == ["InProgress", "Failed"]
    assert story.twice.source_attempts() == ["Succeeded", "Failed", "Failed"]
    assert sorted(path[-1] for path in story.path(story.twice, executions=2)) == ["Retry", "Superseded"]


def test_a_pipeline_whose_definition_changed_is_started_again(story: Story) -> None:
    wait_for(lambda: story.changed.state()["Approval"].get("latestExecution"))
    assert [status for _, status in story.changed.executions()] == ["InProgress", "Failed"]
    assert [path[-2:] for path in story.path(story.changed)] == [["Retry", "Start"]]


def test_a_pipeline_of_another_connection_is_none_of_its_business(story: Story) -> None:
    assert story.path(story.elsewhere) == [["Pipeline", "UsesConnection", "OtherConnection"]]
    assert story.elsewhere.source_attempts() == ["Failed"]


def test_it_may_not_touch_a_pipeline_without_the_tag_of_its_connection(story: Story) -> None:
    sfn = story.cloud.client("stepfunctions")

    def failed() -> str | None:
        found = sfn.list_executions(stateMachineArn=story.machine, statusFilter="FAILED")["executions"]
        details = [sfn.describe_execution(executionArn=item["executionArn"]) for item in found]
        return next((item["cause"] for item in details if story.foreign.name in item["input"]), None)

    assert "not authorized to perform: codepipeline:GetPipelineExecution" in wait_for(failed, seconds=120)
    assert story.foreign.source_attempts() == ["Failed"]


def test_a_source_that_fails_for_another_reason_is_not_retried(story: Story) -> None:
    # The first test has seen that the connection is available by now.
    (connection,) = [
        item["ConnectionArn"]
        for item in story.cloud.client("codeconnections").list_connections()["Connections"]
        if item["ConnectionStatus"] == "AVAILABLE"
    ]
    missing = Pipeline.create(story.cloud, connection=connection, repository="team/missing")
    missing.failed()
    (path,) = story.path(missing)
    assert path == ["Pipeline", "UsesConnection", "Connection", "IsAvailable", "OtherReason"]
    assert missing.source_attempts() == ["Failed"]

"""CodePipeline: manual approvals that are announced, decided and expire, and executions that follow each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import allow, set_policy, unique, wait_for
from pythonbase_localcloud.testing.pipelines import Pipeline, Repository, approval_stage, stage_action

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Repository:
    return Repository(cloud, tmp_path)


def _ask(*, minutes: int | None = None, **configuration: Any) -> dict[str, Any]:
    action = stage_action("Ask", "Approval", "Manual", **configuration)
    return {"name": "Approval", "actions": [action | ({"timeoutInMinutes": minutes} if minutes else {})]}


class _Queue:
    """A queue, and what is in it."""

    def __init__(self, cloud: Cloud) -> None:
        self._sqs = cloud.client("sqs")
        self._url = self._sqs.create_queue(QueueName=unique("q"))["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self.arn = attributes["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": self.arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})

    def next(self) -> dict[str, Any]:
        """The next message, taken away."""
        message = wait_for(lambda: self._sqs.receive_message(QueueUrl=self._url).get("Messages"))[0]
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return dict(json.loads(message["Body"]))


def test_an_approval_is_announced_with_its_variables_and_decided_by_the_message(
    cloud: Cloud, repository: Repository
) -> None:
    repository.push(a="1")
    queue, topic = _Queue(cloud), cloud.client("sns").create_topic(Name=unique("t"))["TopicArn"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    link = "https://example.com/#{Src.CommitId}"
    stage = _ask(NotificationArn=topic, CustomData="#{Src.CommitId} by #{Src.AuthorEmail}", ExternalEntityLink=link)
    pipeline = Pipeline(cloud, repository, stage, role_statements=[allow("sns:Publish", on=topic)])
    commit = repository.push(a="2")
    message = json.loads(queue.next()["Message"])
    approval = message["approval"]
    assert message["region"] == cloud.region
    assert (approval["pipelineName"], approval["stageName"], approval["actionName"]) == (
        pipeline.name,
        "Approval",
        "Ask",
    )
    assert approval["customData"] == f"{commit} by t@localhost"
    assert approval["externalEntityLink"] == f"https://example.com/{commit}"
    decision = {"pipelineName": pipeline.name, "stageName": "Approval", "actionName": "Ask"}
    with pytest.raises(ClientError, match="InvalidApprovalTokenException"):
        pipeline.client.put_approval_result(**decision, token="0" * 36, result={"summary": "yes", "status": "Approved"})
    pipeline.client.put_approval_result(
        **decision, token=approval["token"], result={"summary": "yes", "status": "Approved"}
    )
    assert pipeline.ended(commit=commit)["status"] == "Succeeded"
    with pytest.raises(ClientError, match="ApprovalAlreadyCompletedException"):
        pipeline.client.put_approval_result(
            **decision, token=approval["token"], result={"summary": "no", "status": "Rejected"}
        )
    # The topic needs the pipeline's permission.
    set_policy(cloud, pipeline.role, *pipeline.needed[:2])
    denied = pipeline.run()
    assert denied["status"] == "Failed"
    assert "SNS:Publish" in denied["statusSummary"] or "sns:Publish" in denied["statusSummary"]


def test_an_approval_that_nobody_decides_expires(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    events, queue = cloud.client("events"), _Queue(cloud)
    pipeline = Pipeline(cloud, repository, _ask(minutes=5))
    pattern = {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {"pipeline": [pipeline.name], "type": {"category": ["Approval"]}},
    }
    events.put_rule(Name=pipeline.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=pipeline.name, Targets=[{"Id": "q", "Arn": queue.arn}])
    expired = pipeline.run()
    assert expired["status"] == "Failed"
    assert "the approval expired: nobody decided within 5 minutes" in expired["statusSummary"]
    states = [queue.next()["detail"]["state"] for _ in range(2)]
    assert states == ["STARTED", "FAILED"]


def test_a_timeout_is_checked(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage(), authorized=False)
    source = pipeline.declaration["stages"][0]
    wrong = {**source, "actions": [{**source["actions"][0], "timeoutInMinutes": 10}]}
    for stages in ([source, _ask(minutes=86_401)], [wrong, _ask()]):
        with pytest.raises(ClientError, match="timeoutInMinutes"):
            pipeline.client.update_pipeline(pipeline={**pipeline.declaration, "stages": stages})
    pipeline.client.update_pipeline(pipeline={**pipeline.declaration, "stages": [source, _ask(minutes=86_400)]})


def _wait_until_gone(inside: Callable[[], dict[str, str]], commits: list[str]) -> None:
    wait_for(lambda: not set(commits) & set(inside()))


@pytest.mark.parametrize("mode", ["QUEUED", "SUPERSEDED", "PARALLEL"])
def test_two_pushes_never_meet_in_a_stage_unless_in_parallel(cloud: Cloud, repository: Repository, mode: str) -> None:
    """Three executions: one is in the stage, two come while it is."""
    repository.push(a="0")
    pipeline = Pipeline(cloud, repository, approval_stage(), executionMode=mode)
    commits = [repository.push(a="1")]

    def inside() -> dict[str, str]:
        """Commits whose approval waits, with the token where the API shows it."""
        running = {}
        for execution in pipeline.executions():
            action = pipeline.actions(execution).get("Approve")
            if action and action["status"] == "InProgress":
                running[execution["sourceRevisions"][0]["revisionId"]] = execution["pipelineExecutionId"]
        return running

    wait_for(lambda: commits[0] in inside())
    commits += [repository.push(a="2"), repository.push(a="3")]

    def known() -> set[str]:
        return {r["revisionId"] for item in pipeline.executions() for r in item["sourceRevisions"]}

    wait_for(lambda: set(commits) <= known())
    if mode == "PARALLEL":
        wait_for(lambda: set(inside()) == set(commits))
        for execution in inside().values():
            pipeline.client.stop_pipeline_execution(
                pipelineName=pipeline.name, pipelineExecutionId=execution, abandon=True
            )
        return
    order: list[str] = []
    expected = commits if mode == "QUEUED" else [commits[0], commits[2]]
    for _ in expected:
        now = wait_for(inside)
        assert len(now) == 1, f"one execution may be in the stage, got {now}"
        order += list(now)
        state = pipeline.client.get_pipeline_state(name=pipeline.name)["stageStates"][1]["actionStates"][0]
        pipeline.client.put_approval_result(
            pipelineName=pipeline.name,
            stageName="Approval",
            actionName="Approve",
            token=state["latestExecution"]["token"],
            result={"summary": "", "status": "Approved"},
        )
        _wait_until_gone(inside, order)
    assert order == expected
    wait_for(lambda: all(item["status"] != "InProgress" for item in pipeline.executions()))
    ended = {item["sourceRevisions"][0]["revisionId"]: item["status"] for item in pipeline.executions()[:3]}
    middle = "Succeeded" if mode == "QUEUED" else "Superseded"
    assert ended == {commits[0]: "Succeeded", commits[1]: middle, commits[2]: "Succeeded"}

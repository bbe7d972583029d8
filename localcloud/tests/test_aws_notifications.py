"""Notification rules on pipelines: what ended and what needs an approval arrives at a topic, and in its queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk.assertions import Template

from pythonbase.monitoring.release_notifications import ReleaseNotifications
from tests.localcloud.aws_support import allow, unique, wait_for
from tests.localcloud.test_aws_codepipeline import Pipeline, Repository, _approve

if TYPE_CHECKING:
    from tests.localcloud.conftest import Cloud


class Topic:
    """A topic and a queue that gets what it publishes."""

    def __init__(self, cloud: Cloud, *, allowed: bool = True) -> None:
        self._sqs = cloud.client("sqs")
        sns, name = cloud.client("sns"), unique("releases")
        self.arn = sns.create_topic(Name=name)["TopicArn"]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}"
        self._set_policy(sns, "codestar-notifications.amazonaws.com" if allowed else "s3.amazonaws.com")
        self._sqs.set_queue_attributes(
            QueueUrl=self._url,
            Attributes={
                "Policy": json.dumps(
                    {
                        "Statement": [
                            {**allow("sqs:SendMessage", on=queue), "Principal": {"Service": "sns.amazonaws.com"}}
                        ]
                    }
                )
            },
        )
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
        self.messages: list[dict[str, Any]] = []

    def _set_policy(self, sns: Any, service: str) -> None:
        statement = {**allow("sns:Publish", on=self.arn), "Principal": {"Service": service}}
        sns.set_topic_attributes(
            TopicArn=self.arn, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [statement]})
        )

    def states(self) -> list[tuple[str, str]]:
        """What was told so far: (detail type without its frame, state)."""
        for message in self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
            self.messages.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [(message["detailType"].split()[1], message["detail"]["state"]) for message in self.messages]


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Repository:
    found = Repository(cloud, tmp_path)
    found.push(a="1")
    return found


def _notify(cloud: Cloud, pipeline: Pipeline, topic: Topic) -> str:
    """The construct's own rule, deployed as CloudFormation does it."""
    name = unique("notify")
    stack = Stack(App(), name, env=Environment(account=cloud.account, region=cloud.region))
    arn = f"arn:aws:codepipeline:{cloud.region}:{cloud.account}:{pipeline.name}"
    ReleaseNotifications(
        stack,
        "Notifications",
        pipeline=codepipeline.Pipeline.from_pipeline_arn(stack, "Pipeline", arn),
        rule_name=name,
        topic_arn=topic.arn,
    )
    resources = Template.from_stack(stack).find_resources("AWS::CodeStarNotifications::NotificationRule")
    client = cloud.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    return name


def _answer(pipeline: Pipeline, status: str) -> None:
    def token() -> str | None:
        stages = pipeline.client.get_pipeline_state(name=pipeline.name)["stageStates"]
        latest: dict[str, str] = stages[1]["actionStates"][0].get("latestExecution", {})
        return latest.get("token")

    pipeline.client.put_approval_result(
        pipelineName=pipeline.name,
        stageName="Approval",
        actionName="Approve",
        token=wait_for(token),
        result={"status": status, "summary": "because"},
    )


def test_a_needed_approval_a_success_and_a_failure_are_told_and_nothing_else(
    cloud: Cloud, repository: Repository
) -> None:
    pipeline, topic = Pipeline(cloud, repository, _approve()), Topic(cloud)
    stack = _notify(cloud, pipeline, topic)
    pipeline.client.start_pipeline_execution(name=pipeline.name)
    wait_for(lambda: topic.states() == [("Action", "STARTED")])
    _answer(pipeline, "Approved")
    wait_for(lambda: topic.states()[1:] == [("Pipeline", "SUCCEEDED")])
    pipeline.client.start_pipeline_execution(name=pipeline.name)
    _answer(pipeline, "Rejected")
    wait_for(lambda: topic.states()[2:] == [("Action", "STARTED"), ("Pipeline", "FAILED")])
    last = topic.messages[-1]
    assert (last["detail"]["pipeline"], last["source"]) == (pipeline.name, "aws.codepipeline")
    assert last["resources"] == [f"arn:aws:codepipeline:{cloud.region}:{cloud.account}:{pipeline.name}"]

    cloud.client("cloudformation").delete_stack(StackName=stack)
    cloud.client("cloudformation").get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    pipeline.client.start_pipeline_execution(name=pipeline.name)
    _answer(pipeline, "Rejected")
    wait_for(lambda: pipeline.executions()[0]["status"] == "Failed")
    assert len(topic.states()) == 4


def test_a_topic_whose_policy_does_not_admit_the_service_gets_nothing(cloud: Cloud, repository: Repository) -> None:
    pipeline = Pipeline(cloud, repository, _approve())
    closed, open_topic = Topic(cloud, allowed=False), Topic(cloud)
    _notify(cloud, pipeline, closed)
    _notify(cloud, pipeline, open_topic)
    pipeline.client.start_pipeline_execution(name=pipeline.name)
    wait_for(lambda: open_topic.states() == [("Action", "STARTED")])
    _answer(pipeline, "Rejected")
    wait_for(lambda: len(open_topic.states()) == 2)
    assert closed.states() == []

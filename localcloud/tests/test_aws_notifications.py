"""Notification rules on pipelines: what ended and what needs an approval arrives at a topic, and in its queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from pythonbase.monitoring.release_notifications import ReleaseNotifications
from pythonbase_localcloud.testing.callers import unique, wait_for
from pythonbase_localcloud.testing.pipelines import Pipeline, Repository, approval_stage
from pythonbase_localcloud.testing.topics import Topic

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow


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
        topic=sns.Topic.from_topic_arn(stack, "Topic", topic.arn),
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
    pipeline, topic = Pipeline(cloud, repository, approval_stage()), Topic(cloud)
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
    pipeline = Pipeline(cloud, repository, approval_stage())
    closed, open_topic = Topic(cloud, allowed=False), Topic(cloud)
    _notify(cloud, pipeline, closed)
    _notify(cloud, pipeline, open_topic)
    pipeline.client.start_pipeline_execution(name=pipeline.name)
    wait_for(lambda: open_topic.states() == [("Action", "STARTED")])
    _answer(pipeline, "Rejected")
    wait_for(lambda: len(open_topic.states()) == 2)
    assert closed.states() == []

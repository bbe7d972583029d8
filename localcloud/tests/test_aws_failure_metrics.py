"""Alarms on failures go off and tell their topic, each of its own state machine only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template

from pythonbase import FailureAlarms
from pythonbase_localcloud.testing.callers import allow, service_role, unique, wait_for

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud

_CLOUDWATCH = "cloudwatch.amazonaws.com"


class _Topic:
    """A topic whose policy admits a service, and the queue behind it."""

    def __init__(self, cloud: Cloud, service: str) -> None:
        self._sqs, sns, name = cloud.client("sqs"), cloud.client("sns"), unique("alarms")
        self.arn = sns.create_topic(Name=name)["TopicArn"]
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = f"arn:aws:sqs:{cloud.region}:{cloud.account}:{name}"
        admitted = {**allow("sns:Publish", on=self.arn), "Principal": {"Service": service}}
        sns.set_topic_attributes(
            TopicArn=self.arn, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [admitted]})
        )
        sender = {**allow("sqs:SendMessage", on=queue), "Principal": {"Service": "sns.amazonaws.com"}}
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps({"Statement": [sender]})})
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})

    def told(self) -> list[str]:
        """Descriptions of the alarms that were told since the last look."""
        found = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        return [str(json.loads(message["Body"])["AlarmDescription"]) for message in found]


class _Failing:
    """A state machine whose executions fail, or take too long."""

    def __init__(self, cloud: Cloud, *, too_long: bool = False) -> None:
        self._client = cloud.client("stepfunctions")
        fail: dict[str, Any] = {"Type": "Fail", "Error": "Release.RolledBack"}
        definition: dict[str, Any] = {"StartAt": "Fail", "States": {"Fail": fail}}
        if too_long:
            wait = {"Type": "Wait", "Seconds": 600, "Next": "Fail"}
            definition = {"TimeoutSeconds": 5, "StartAt": "Wait", "States": {"Wait": wait, "Fail": fail}}
        self.arn = self._client.create_state_machine(
            name=unique("release"),
            roleArn=service_role(cloud, "states.amazonaws.com"),
            definition=json.dumps(definition),
        )["stateMachineArn"]

    def run(self) -> None:
        arn = self._client.start_execution(stateMachineArn=self.arn)["executionArn"]
        wait_for(lambda: self._client.describe_execution(executionArn=arn)["status"] != "RUNNING")


def _watch(cloud: Cloud, machine: _Failing, topic: _Topic) -> None:
    """The construct's own alarms, deployed as CloudFormation does it."""
    name = unique("alarms")
    stack = Stack(App(), name, env=Environment(account=cloud.account, region=cloud.region))
    FailureAlarms(stack, "Alarms", topic=sns.Topic.from_topic_arn(stack, "Topic", topic.arn)).watch_machine(
        "Release",
        sfn.StateMachine.from_state_machine_arn(stack, "Machine", machine.arn),
        what="A release to orders",
        advice="Look",
    )
    resources = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    assert len(resources) == 2
    client = cloud.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def test_a_release_that_fails_without_a_pipeline_is_told(cloud: Cloud) -> None:
    watched, other, topic = _Failing(cloud), _Failing(cloud), _Topic(cloud, _CLOUDWATCH)
    _watch(cloud, watched, topic)
    other.run()
    assert topic.told() == []
    watched.run()
    assert wait_for(topic.told) == ["A release to orders failed. Look"]


def test_one_that_takes_too_long_is_told(cloud: Cloud) -> None:
    watched, topic = _Failing(cloud, too_long=True), _Topic(cloud, _CLOUDWATCH)
    _watch(cloud, watched, topic)
    watched.run()
    assert wait_for(topic.told) == ["A release to orders took too long. Look"]


def test_a_topic_whose_policy_does_not_admit_cloudwatch_gets_nothing(cloud: Cloud) -> None:
    watched, closed = _Failing(cloud), _Topic(cloud, "s3.amazonaws.com")
    admitted = _Topic(cloud, _CLOUDWATCH)
    _watch(cloud, watched, closed)
    _watch(cloud, watched, admitted)
    watched.run()
    assert wait_for(admitted.told)
    assert closed.told() == []

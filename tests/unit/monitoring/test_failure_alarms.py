"""Alarms for failures outside pipelines."""

from __future__ import annotations

import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from pythonbase import FailureAlarms, Network
from tests.unit.synthesis import ACCOUNT, REGION, SETTINGS, new_platform, new_stack, platform_stacks, resources, text


def test_failures_outside_pipelines_have_an_alarm_if_notifications_have_a_topic() -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:releases"
    services = [
        {"name": "orders", "repository": "acme/orders", "environments": [{"name": "staging"}]},
        {"name": "silent", "repository": "acme/silent", "notifications": {}},
    ]
    told = platform_stacks(new_platform({**SETTINGS, "services": services, "notifications": {"topic": topic}}))
    alarms = {
        (name, alarm.properties["MetricName"], alarm.properties["AlarmActions"][0])
        for name, stack in told.items()
        for alarm in resources(Template.from_stack(stack), "AWS::CloudWatch::Alarm").values()
    }
    assert alarms == {
        ("Pythonbase", "FailedBuilds", topic),
        ("Network", "ExecutionsFailed", topic),
        ("Network", "ExecutionsTimedOut", topic),
        ("OrdersStaging", "ExecutionsFailed", topic),
        ("OrdersStaging", "ExecutionsTimedOut", topic),
    }
    for stack in told.values():
        for alarm in resources(Template.from_stack(stack), "AWS::CloudWatch::Alarm").values():
            assert (alarm.properties["Threshold"], alarm.properties["Statistic"]) == (1, "Sum")
            assert alarm.properties["TreatMissingData"] == "notBreaching"
            assert alarm.properties["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    untold = platform_stacks(new_platform({**SETTINGS, "services": services}))
    for stack in untold.values():
        assert not resources(Template.from_stack(stack), "AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("topic", [f"arn:aws:sns:{REGION}:{ACCOUNT}:releases", None])
def test_few_remaining_pulls_at_docker_hub_also_notify_the_topic(topic: str | None) -> None:
    base = {"name": "pythonbase", "upstream": "docker.io/library/python:3.13-slim", "upstream_credentials": "hub/ci"}
    notifications = {"topic": topic} if topic else {}
    app = new_platform({**SETTINGS, "base_images": [base], "notifications": notifications})
    alarms = resources(Template.from_stack(platform_stacks(app)["Pythonbase"]), "AWS::CloudWatch::Alarm").values()
    (few,) = [alarm.properties for alarm in alarms if alarm.properties["MetricName"] == "DockerHubPullsRemaining"]
    assert few.get("AlarmActions", []) == ([topic] if topic else [])


def test_an_alarm_notifies_no_topic_of_another_region() -> None:
    stack = new_stack()
    network = Network(stack, "Network")
    elsewhere = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:us-east-1:{ACCOUNT}:releases")
    alarms = FailureAlarms(stack, "Alarms", topic=elsewhere)
    alarms.watch_machine("Reconciler", network.reconciler.state_machine, what="It", advice="Look")
    alarms.tell_of(
        cloudwatch.Alarm(
            stack, "Other", metric=cloudwatch.Metric(namespace="A", metric_name="B"), threshold=1, evaluation_periods=1
        )
    )
    for alarm in resources(Template.from_stack(stack), "AWS::CloudWatch::Alarm").values():
        assert "AlarmActions" not in alarm.properties


def test_an_alarm_tells_a_topic_of_the_same_stack() -> None:
    stack = new_stack()
    alarms = FailureAlarms(stack, "Alarms", topic=sns.Topic(stack, "Topic"))
    alarms.watch_machine("Reconciler", Network(stack, "Network").reconciler.state_machine, what="It", advice="Look")
    found = resources(Template.from_stack(stack), "AWS::CloudWatch::Alarm").values()
    assert [text(alarm.properties["AlarmActions"][0]) for alarm in found] == ["${Topic}", "${Topic}"]

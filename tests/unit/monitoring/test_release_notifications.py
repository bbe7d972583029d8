"""Release results go to a topic and a channel when they are set, and nowhere otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template

from pythonbase import ReleaseNotifications
from pythonbase_settings import SettingsError, load_settings
from tests.unit.synthesis import ACCOUNT, REGION, new_platform, new_stack, only, platform_stacks, resources, text

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:releases"
OWN_TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:orders"
SLACK = f"arn:aws:chatbot::{ACCOUNT}:chat-configuration/slack-channel/releases"
TEAMS = f"arn:aws:chatbot::{ACCOUNT}:chat-configuration/microsoft-teams-channel/releases"
RULE = "AWS::CodeStarNotifications::NotificationRule"


def _templates(**settings: Any) -> dict[str, Template]:
    services = [{"name": "orders", "repository": "acme/orders"}, {"name": "billing", "repository": "acme/billing"}]
    services[0] |= settings.pop("orders", {})
    app = new_platform({"environment": {"region": REGION}, "services": services, **settings})
    return {name: Template.from_stack(stack) for name, stack in platform_stacks(app).items()}


@pytest.fixture(scope="module")
def templates() -> dict[str, Template]:
    """A topic and a channel for all, a topic of its own for orders."""
    return _templates(notifications={"topic": TOPIC, "chatbot": SLACK}, orders={"notifications": {"topic": OWN_TOPIC}})


def _targets(template: Template) -> list[tuple[str, str]]:
    return [(item["TargetType"], item["TargetAddress"]) for item in only(template, RULE).properties["Targets"]]


def test_results_and_questions_of_the_pipeline_are_told(templates: dict[str, Template]) -> None:
    properties = only(templates["Billing"], RULE).properties
    assert [event.removeprefix("codepipeline-pipeline-") for event in properties["EventTypeIds"]] == [
        "pipeline-execution-succeeded",
        "pipeline-execution-failed",
        "pipeline-execution-canceled",
        "pipeline-execution-superseded",
        "manual-approval-needed",
    ]
    assert text(properties["Resource"]).endswith(":${Pipeline}")
    assert (properties["Name"], properties["DetailType"]) == ("billing-releases", "FULL")


def test_a_service_has_the_platforms_targets_unless_it_has_its_own(templates: dict[str, Template]) -> None:
    assert _targets(templates["Billing"]) == [("SNS", TOPIC), ("AWSChatbotSlack", SLACK)]
    assert _targets(templates["Orders"]) == [("SNS", OWN_TOPIC)]


def test_no_topic_and_no_policy_of_one_is_made(templates: dict[str, Template]) -> None:
    for template in templates.values():
        assert not resources(template, "AWS::SNS::Topic")
        assert not resources(template, "AWS::SNS::TopicPolicy")


def test_nothing_is_told_when_nothing_is_set_or_a_service_is_silenced() -> None:
    assert not resources(_templates()["Orders"], RULE)
    silenced = _templates(notifications={"topic": TOPIC}, orders={"notifications": {}})
    assert not resources(silenced["Orders"], RULE)
    assert _targets(silenced["Billing"]) == [("SNS", TOPIC)]


def test_a_teams_channel_is_a_target_of_its_own_kind() -> None:
    assert _targets(_templates(notifications={"chatbot": TEAMS})["Orders"]) == [("AWSChatbotMicrosoftTeams", TEAMS)]


def test_a_topic_of_the_same_stack_is_a_target() -> None:
    stack = new_stack()
    pipeline = codepipeline.Pipeline.from_pipeline_arn(stack, "P", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:orders")
    ReleaseNotifications(stack, "N", pipeline=pipeline, rule_name="r", topic=sns.Topic(stack, "Topic"))
    (target,) = only(Template.from_stack(stack), RULE).properties["Targets"]
    assert (target["TargetType"], text(target["TargetAddress"])) == ("SNS", "${Topic}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "topic or channel_arn must be given, got neither"),
        (
            {"topic": TOPIC.replace(REGION, "us-east-1")},
            f"topic must be in the pipeline's Region {REGION}, got .*us-east-1",
        ),
        ({"channel_arn": TOPIC}, "must be the ARN of a Slack or Microsoft Teams"),
    ],
)
def test_wrong_targets_are_refused(arguments: dict[str, Any], message: str) -> None:
    stack = new_stack()
    pipeline = codepipeline.Pipeline.from_pipeline_arn(stack, "P", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:orders")
    if "topic" in arguments:
        arguments = {"topic": sns.Topic.from_topic_arn(stack, "Topic", arguments["topic"])}
    with pytest.raises(ValueError, match=message):
        ReleaseNotifications(stack, "N", pipeline=pipeline, rule_name="r", **arguments)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["notifications:", "  topic: releases"],
         "platform.yaml:2: notifications.topic: got \"releases\"; use arn:aws:sns:"),
        (["notifications:", f"  topic: {TOPIC}.fifo"], "a FIFO topic takes no notifications"),
        (["notifications:", f"  chatbot: {TOPIC}"], "platform.yaml:2: notifications.chatbot: got "),
        (["environment: {region: us-east-1}", "notifications:", f"  topic: {TOPIC}"],
         "use a topic in us-east-1, the Region of environment.region"),
        (["services:", "  - {name: orders, repository: acme/orders, notifications: {topic: orders}}"],
         "platform.yaml:2: services[0].notifications.topic: got \"orders\""),
    ],
)  # fmt: skip
def test_mistakes_in_the_settings_are_one_error(
    lines: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images/pythonbase").mkdir(parents=True)
    Path("images/pythonbase/Dockerfile").touch()
    Path("platform.yaml").write_text("\n".join(lines) + "\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("platform.yaml"))
    assert len(caught.value.problems) == 1, str(caught.value)
    assert expected in str(caught.value)

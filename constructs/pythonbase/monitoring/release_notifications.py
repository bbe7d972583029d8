"""Tells a topic or a chat channel how releases went."""

from __future__ import annotations

import re

from aws_cdk import Stack, Token
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codestarnotifications as notifications
from aws_cdk import aws_sns as sns
from constructs import Construct

_EVENTS = (
    "codepipeline-pipeline-pipeline-execution-succeeded",
    "codepipeline-pipeline-pipeline-execution-failed",
    "codepipeline-pipeline-pipeline-execution-canceled",
    "codepipeline-pipeline-pipeline-execution-superseded",
    "codepipeline-pipeline-manual-approval-needed",
)
"""https://docs.aws.amazon.com/dtconsole/latest/userguide/concepts.html#events-ref-pipeline"""

_CHANNEL = re.compile(r"arn:[^:]+:chatbot::[0-9]{12}:chat-configuration/(slack-channel|microsoft-teams-channel)/.+")
_CHANNEL_TYPES = {"slack-channel": "AWSChatbotSlack", "microsoft-teams-channel": "AWSChatbotMicrosoftTeams"}


class ReleaseNotifications(Construct):
    """A notification rule on a pipeline: executions that ended, approvals that are needed.

    Topic and channel are somebody else's. The topic's policy must let ``codestar-notifications.amazonaws.com`` publish,
    which only its owner can declare: https://docs.aws.amazon.com/dtconsole/latest/userguide/set-up-sns.html

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        pipeline: The pipeline whose results are told.
        rule_name: Name of the rule, unique in the account and Region.
        topic: SNS topic in the pipeline's Region. Default: none, the channel is told.
        channel_arn: ARN of a Slack or Microsoft Teams channel configuration of AWS Chatbot. Default: none, the topic
            is told.

    Raises:
        ValueError: if there is neither of both, the topic is in another Region, or the ARN has another form.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: codepipeline.IPipeline,
        rule_name: str,
        topic: sns.ITopic | None = None,
        channel_arn: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        targets = []
        if topic:
            _check_region(topic, Stack.of(self).region)
            targets.append(_target(topic.topic_arn, "SNS"))
        if channel_arn:
            targets.append(_target(channel_arn, _channel_type(channel_arn)))
        if not targets:
            raise ValueError("topic or channel_arn must be given, got neither")
        self.rule = notifications.CfnNotificationRule(
            self,
            "Rule",
            name=rule_name,
            resource=pipeline.pipeline_arn,
            # FULL adds what the pipeline and its approval say, such as why an execution failed.
            detail_type="FULL",
            event_type_ids=list(_EVENTS),
            targets=targets,
        )


def _target(address: str, kind: str) -> notifications.CfnNotificationRule.TargetProperty:
    return notifications.CfnNotificationRule.TargetProperty(target_address=address, target_type=kind)


def _check_region(topic: sns.ITopic, region: str) -> None:
    if not Token.is_unresolved(region) and topic.env.region != region:
        raise ValueError(f"topic must be in the pipeline's Region {region}, got {topic.topic_arn!r}")


def _channel_type(arn: str) -> str:
    found = _CHANNEL.fullmatch(arn)
    if not found:
        raise ValueError(f"channel_arn must be the ARN of a Slack or Microsoft Teams configuration, got {arn!r}")
    return _CHANNEL_TYPES[found[1]]

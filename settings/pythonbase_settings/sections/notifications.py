"""The section `notifications`, at the top level and of a service."""

from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields.rules import rule
from pythonbase_settings.sections.section import Section

_TopicArn = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$"),
    rule("use arn:aws:sns:<region>:<account>:<topic>; a FIFO topic takes no notifications"),
]
_ChannelArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:chatbot::[0-9]{12}:chat-configuration/(slack-channel|microsoft-teams-channel)/"
        r"[A-Za-z0-9_-]+$"
    ),
    rule("use arn:aws:chatbot::<account>:chat-configuration/slack-channel/<name>, or microsoft-teams-channel"),
]


class Notifications(Section):
    """Where to send release results: an existing SNS topic, an existing chat channel."""

    topic: _TopicArn | None = Field(
        default=None,
        description="ARN of an SNS topic in the Region of `environment`. The policy of the topic must allow "
        "`codestar-notifications.amazonaws.com` to publish, see [notifications](deployments.md#notifications). "
        "Default: none.",
        examples=["arn:aws:sns:eu-central-1:123456789012:releases"],
    )
    chatbot: _ChannelArn | None = Field(
        default=None,
        description="ARN of a Slack or Microsoft Teams channel configuration of AWS Chatbot (Amazon Q Developer in "
        "chat applications). Default: none.",
        examples=["arn:aws:chatbot::123456789012:chat-configuration/slack-channel/releases"],
    )

"""The section `notifications`, which services may have too."""

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
    """Where release results go. The topic and the channel are there already."""

    topic: _TopicArn | None = Field(
        default=None,
        description="ARN of an SNS topic. Its policy must let codestar-notifications.amazonaws.com publish.",
        examples=["arn:aws:sns:eu-central-1:123456789012:releases"],
    )
    chatbot: _ChannelArn | None = Field(
        default=None,
        description="ARN of a Slack or Microsoft Teams channel configuration of AWS Chatbot.",
        examples=["arn:aws:chatbot::123456789012:chat-configuration/slack-channel/releases"],
    )

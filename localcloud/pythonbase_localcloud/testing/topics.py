"""SNS topics whose messages a test reads."""

from __future__ import annotations

import json
from typing import Any

from pythonbase_localcloud.testing.callers import allow, unique
from pythonbase_localcloud.testing.cloud import Cloud


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

"""Notification rules of AWS CodeStar Notifications on pipelines: their events, published to SNS topics.

Only as a CloudFormation resource; the service's API is not there. Targets in chat get nothing.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.cloudformation.types import Properties, Resource, register
from pythonbase_localcloud.aws.eventbridge import events
from pythonbase_localcloud.aws.json_service import ApiError
from pythonbase_localcloud.aws.store import scoped_store

log = logging.getLogger("localcloud")

_PRINCIPAL = "codestar-notifications.amazonaws.com"
_rules: Any = scoped_store("notifications", "rules")


def install() -> None:
    """Register the resource type and listen to the events of pipelines."""
    register("AWS::CodeStarNotifications::NotificationRule", create=_create, update=_update, delete=_delete)
    events.listen(_notify)


def event_type(detail_type: str, detail: Mapping[str, Any]) -> str | None:
    """The notification's name for an event of a pipeline, None where it has none.

    https://docs.aws.amazon.com/dtconsole/latest/userguide/concepts.html#events-ref-pipeline
    """
    state = str(detail.get("state", "")).lower()
    if detail_type == "CodePipeline Pipeline Execution State Change":
        return f"codepipeline-pipeline-pipeline-execution-{'canceled' if state == 'stopped' else state}"
    if detail_type == "CodePipeline Stage Execution State Change":
        return f"codepipeline-pipeline-stage-execution-{state}"
    if detail_type != "CodePipeline Action Execution State Change":
        return None
    if detail.get("type", {}).get("category") == "Approval":
        return f"codepipeline-pipeline-manual-approval-{'needed' if state == 'started' else state}"
    return f"codepipeline-pipeline-action-execution-{state}"


def _create(logical_id: str, properties: Properties, stack: str) -> Resource:
    del logical_id, stack
    if any(rule["Name"] == properties["Name"] for rule in _rules.values()):
        raise ApiError("ResourceAlreadyExistsException", f"a notification rule {properties['Name']} exists")
    arn = f"arn:aws:codestar-notifications:{scope.region()}:{scope.account()}:notificationrule/{uuid4().hex}"
    _rules[arn] = dict(properties)
    return Resource(arn, {"Arn": arn})


def _update(arn: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Resource:
    if old["Resource"] != new["Resource"]:
        return _create(logical_id, new, stack)
    _rules[arn] = dict(new)
    return Resource(arn, {"Arn": arn})


def _delete(arn: str, properties: Properties) -> None:
    del properties
    _rules.pop(arn, None)


def _notify(source: str, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...]) -> None:
    kind = event_type(detail_type, detail) if source == "aws.codepipeline" else None
    for arn, rule in list(_rules.items()):
        if kind in rule["EventTypeIds"] and rule["Resource"] in resources and rule.get("Status") != "DISABLED":
            message = {
                "account": scope.account(),
                "detailType": detail_type,
                "region": scope.region(),
                "source": source,
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "notificationRuleArn": arn,
                "detail": detail,
                "resources": list(resources),
                "additionalAttributes": {},
            }
            for target in rule["Targets"]:
                if target["TargetType"] == "SNS":
                    _publish(target["TargetAddress"], json.dumps(message), rule_arn=arn)


def _publish(topic: str, message: str, *, rule_arn: str) -> None:
    if not seams.sns.topic_policy_allows(topic, _PRINCIPAL, rule_arn, scope.account()):
        # AWS marks the target UNREACHABLE and says nothing to anybody; here the server's log says why.
        log.warning("the notification rule %s may not publish to %s: its policy does not allow it", rule_arn, topic)
        return
    seams.sns.publish_internal(topic, message, "")

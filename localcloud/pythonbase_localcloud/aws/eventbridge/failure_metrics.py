"""Metrics of executions and builds that fail, the alarms on them, and whom these may tell.

MiniStack publishes neither metric, takes the values of all dimensions together, and asks no topic for its policy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws import scope, seams
from pythonbase_localcloud.aws.eventbridge import events

log = logging.getLogger("localcloud")

_NAMESPACES = ("AWS/States", "AWS/CodeBuild")
_PRINCIPAL = "cloudwatch.amazonaws.com"
_EXECUTIONS = {"FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut", "ABORTED": "ExecutionsAborted"}
"""https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html"""


def install() -> None:
    """Publish the metrics, and evaluate alarms on them at once instead of at the end of their period."""
    machine, cloudwatch = seams.stepfunctions, seams.cloudwatch
    emit, dispatch = machine._emit_execution_status_event, cloudwatch._dispatch_alarm_actions

    def emit_status(execution: Mapping[str, Any]) -> None:
        emit(execution)
        name = _EXECUTIONS.get(str(execution["status"]))
        if name:
            _record("AWS/States", name, {"StateMachineArn": str(execution["stateMachineArn"])})

    def dispatch_actions(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
        arn = str(alarm.get("AlarmArn"))
        topics = [str(topic) for topic in alarm.get("AlarmActions") or []]
        refused = [
            topic for topic in topics if not seams.sns.topic_policy_allows(topic, _PRINCIPAL, arn, scope.account())
        ]
        for topic in refused:
            log.warning("the alarm %s may not publish to %s: its policy does not allow it", arn, topic)
        dispatch({**alarm, "AlarmActions": [topic for topic in topics if topic not in refused]}, old, new, reason)

    evaluate = cloudwatch._evaluate_alarm

    def evaluate_alarm(alarm: Mapping[str, Any]) -> None:
        if alarm.get("Namespace") not in _NAMESPACES:  # those are evaluated here, dimension by dimension
            evaluate(alarm)

    cloudwatch._evaluate_alarm = evaluate_alarm
    machine._emit_execution_status_event = emit_status
    cloudwatch._dispatch_alarm_actions = dispatch_actions
    events.listen(_builds)


def _builds(source: str, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...]) -> None:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/monitoring-builds.html"""
    del resources
    if (source, detail_type) == ("aws.codebuild", "CodeBuild Build State Change") and detail[
        "build-status"
    ] == "FAILED":
        _record("AWS/CodeBuild", "FailedBuilds", {"ProjectName": str(detail["project-name"])})


def _record(namespace: str, metric: str, dimensions: dict[str, str]) -> None:
    cloudwatch = seams.cloudwatch
    cloudwatch.record_metric(namespace, metric, 1, "Count", dimensions)
    for alarm in list(cloudwatch._alarms.values()):
        of = {item["Name"]: item["Value"] for item in alarm.get("Dimensions") or []}
        same = (alarm.get("Namespace"), alarm.get("MetricName"), of) == (namespace, metric, dimensions)
        if same and float(alarm["Threshold"]) <= 1 and alarm["StateValue"] != "ALARM":
            reason = f"Threshold Crossed: 1 datapoint [1.0] was greater than or equal to the threshold ({metric})."
            old = alarm["StateValue"]
            alarm.update(StateValue="ALARM", StateReason=reason, StateUpdatedTimestamp=int(time.time()))
            cloudwatch._dispatch_alarm_actions(alarm, old, "ALARM", reason)

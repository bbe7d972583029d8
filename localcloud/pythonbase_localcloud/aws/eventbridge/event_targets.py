"""Targets of EventBridge rules and of Scheduler, invoked with the rule's or schedule's role."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import codepipeline, faults, scope, seams
from pythonbase_localcloud.aws.iam import authorization, credentials
from pythonbase_localcloud.aws.step_functions import aws_sdk

log = logging.getLogger("localcloud")

Target = Mapping[str, Any]
_BY_RESOURCE_POLICY = ("lambda", "sqs", "sns")
"""Services whose rule targets are permitted by the resource's own policy instead of a role."""
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""EventBridge and Scheduler try for 24 hours (docs: "retry policy"); here, after these waits."""


def install() -> None:
    """Patch MiniStack's only place that invokes targets, which Scheduler uses too. As on AWS, nobody waits for one."""
    original = seams.eventbridge._invoke_target

    def deliver(target: Target, event: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> None:
        for wait in (*_RETRY_SECONDS, None):
            try:
                _invoke(original, target, event, rule, view)
            except (authorization.AccessDeniedError, credentials.AssumeRoleError, aws_sdk.SdkError) as error:
                if wait is not None and isinstance(error, aws_sdk.SdkError):
                    time.sleep(wait)
                    continue
                # AWS counts a failed invocation and says nothing to anybody; here the server's log says why.
                log.warning("the target %s of %s was not invoked: %s", target.get("Arn"), rule.get("Arn"), error)
            return

    def invoke_target(target: Target, event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None) -> None:
        # A target's role calls the gateway, which cannot answer while PutEvents holds its event loop.
        scope.spawn(deliver, target, event, rule, view, name="event-target")

    seams.eventbridge._invoke_target = invoke_target


def run_schedule(account: str, region: str, group: str, name: str) -> None:
    """Invoke a schedule's target now, as Scheduler does when it is due. Raises KeyError without such a schedule."""
    with scope.scoped(account, region):
        schedule = seams.scheduler._schedules[f"{group}/{name}"]
        event = {
            "EventId": str(uuid4()),
            "Source": "aws.scheduler",
            "DetailType": "Scheduled Event",
            "Detail": "{}",
            "Time": time.time(),
            "Resources": [schedule["Arn"]],
            "Account": account,
            "Region": region,
        }
        seams.eventbridge._invoke_target(schedule["Target"], event, schedule)


def _check(target: Target, rule: Mapping[str, Any], action: str, arn: str, *, scheduled: bool) -> None:
    """Raise unless the target's role may do it; a fault that a test injected is met here too."""
    session = _session(target, rule, scheduled=scheduled)
    authorization.check(session.access_key_id, action, arn)
    fault = faults.failing(action, str(target.get("RoleArn") or rule.get("RoleArn")))
    if fault:
        raise aws_sdk.SdkError(fault.error, fault.message)


def _invoke(original: Any, target: Target, event: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> None:
    arn = str(target.get("Arn"))
    service = arn.split(":")[2] if arn.count(":") > 2 else ""  # noqa: PLR2004
    scheduled = "ScheduleExpression" in rule and ":schedule/" in str(rule.get("Arn"))
    if service == "scheduler":
        _universal(arn, target, rule)
    elif service == "codepipeline":
        _check(target, rule, "codepipeline:StartPipelineExecution", arn, scheduled=scheduled)
        codepipeline.start(
            arn.rsplit(":", 1)[-1], trigger={"triggerType": "CloudWatchEvent", "triggerDetail": str(rule.get("Arn"))}
        )
    elif service == "codebuild":
        parameters = _input(target)
        aws_sdk.call(
            "codebuild",
            "startBuild",
            {**parameters, "projectName": arn.rsplit("/", 1)[-1]},
            _session(target, rule, scheduled=scheduled),
        )
    elif service == "ecs":
        aws_sdk.call("ecs", "runTask", _run_task(arn, target), _session(target, rule, scheduled=scheduled))
    else:
        if service == "states":
            _check(target, rule, "states:StartExecution", arn, scheduled=scheduled)
        elif service == "lambda" and scheduled:
            _check(target, rule, "lambda:InvokeFunction", arn, scheduled=True)
        elif service == "lambda":
            _check_function_policy(arn, str(rule.get("Arn")))
        elif service in _BY_RESOURCE_POLICY and scheduled:
            action = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}[service]
            _check(target, rule, action, arn, scheduled=True)
        original(target, event, rule, view)


def _session(target: Target, rule: Mapping[str, Any], *, scheduled: bool) -> credentials.Credentials:
    role = target.get("RoleArn") or rule.get("RoleArn")
    if not role:
        raise credentials.AssumeRoleError(f"the target {target.get('Arn')} has no role")
    principal = "scheduler.amazonaws.com" if scheduled else "events.amazonaws.com"
    source = str(rule.get("Arn"))
    if scheduled:
        # Trust policies of schedules name the schedule group (aws:SourceArn), not the schedule.
        group = source.split(":schedule/", 1)[-1].split("/", 1)[0]
        source = f"arn:aws:scheduler:{scope.region()}:{scope.account()}:schedule-group/{group}"
    return credentials.role_session(
        str(role), service=principal, source_arn=source, session_name=str(rule.get("Name") or "events")
    )


def _input(target: Target) -> dict[str, Any]:
    text = target.get("Input")
    parameters = json.loads(text) if isinstance(text, str) and text else text or {}
    return dict(parameters) if isinstance(parameters, dict) else {}


def _universal(arn: str, target: Target, rule: Mapping[str, Any]) -> None:
    """``arn:aws:scheduler:::aws-sdk:<service>:<action>``."""
    service, action = arn.split("aws-sdk:", 1)[1].split(":")[:2]
    aws_sdk.call(service, action, _input(target), _session(target, rule, scheduled=True))


def _run_task(cluster: str, target: Target) -> dict[str, Any]:
    ecs = target.get("EcsParameters") or {}
    return {
        "Cluster": cluster,
        "TaskDefinition": ecs.get("TaskDefinitionArn"),
        "Count": ecs.get("TaskCount", 1),
        "LaunchType": ecs.get("LaunchType"),
        "NetworkConfiguration": ecs.get("NetworkConfiguration"),
        "Overrides": _input(target),
    }


def _check_function_policy(arn: str, rule_arn: str) -> None:
    """A rule may invoke a function only when the function's own policy allows events.amazonaws.com."""
    evaluator = seams.iam_evaluator
    policy = evaluator._resource_policy("lambda", arn)
    context = evaluator.EvalContext(
        principal_arn="events.amazonaws.com",
        principal_type="Service",
        principal_account=scope.account(),
        action="lambda:InvokeFunction",
        resource_arn=arn,
        region=scope.region(),
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": scope.account()},
    )
    decision = evaluator.evaluate_resource_policy(
        policy[0] if policy else None, context, service="events.amazonaws.com"
    )
    if decision.decision != "Allow":
        raise authorization.AccessDeniedError(
            principal="events.amazonaws.com", action="lambda:InvokeFunction", resource=arn
        )

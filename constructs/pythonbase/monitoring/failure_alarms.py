"""Alarms on what fails without anybody watching: state machines, builds."""

from __future__ import annotations

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

_PERIOD = Duration.minutes(5)


class FailureAlarms(Construct):
    """One alarm for each kind of failure; a single failure within 5 minutes sets it off, and it goes back by itself.

    A pipeline's own notifications tell of the releases that it starts. Nothing else tells of those that the reconciler
    starts, of the reconciler, and of a base image's refresh.

    The topic is somebody else's. Its policy must let ``cloudwatch.amazonaws.com`` publish, which only its owner can
    declare: https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html. An alarm notifies topics of its
    own Region only; of a topic elsewhere the alarms are there, without an action.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        topic: SNS topic that is told.
    """

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        region = Stack.of(self).region
        is_here = Token.is_unresolved(region) or topic.env.region == region
        self._action = actions.SnsAction(topic) if is_here else None

    def watch_machine(self, name: str, machine: sfn.IStateMachine, *, what: str, advice: str) -> None:
        """Executions that fail or take too long. One that somebody stops is no failure.

        Args:
            name: Start of the alarms' construct ids.
            machine: The state machine.
            what: What has failed then, for the person who reads it.
            advice: What to do.
        """
        self._add(f"{name}Failed", machine.metric_failed(period=_PERIOD), f"{what} failed. {advice}")
        self._add(f"{name}TimedOut", machine.metric_timed_out(period=_PERIOD), f"{what} took too long. {advice}")

    def watch_builds(self, name: str, project: codebuild.IProject, *, what: str, advice: str) -> None:
        """Builds that fail; the arguments are those of ``watch_machine``."""
        self._add(name, project.metric_failed_builds(period=_PERIOD), f"{what} failed. {advice}")

    def tell_of(self, alarm: cloudwatch.Alarm) -> None:
        """Let an alarm of this stack that is made elsewhere tell the topic too."""
        if self._action:
            alarm.add_alarm_action(self._action)

    def _add(self, construct_id: str, metric: cloudwatch.Metric, description: str) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_description=description,
            metric=metric.with_(statistic="Sum"),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.tell_of(alarm)

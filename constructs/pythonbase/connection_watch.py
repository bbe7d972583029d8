"""Retries what failed because the connection to Bitbucket was not finished yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from pythonbase._acknowledge import acknowledge, wildcard_resource
from pythonbase._grants import for_own_account
from pythonbase.bitbucket_source import CONNECTION_TAG

SOURCE_STAGE = "Source"
"""Name of the stage whose failures are looked at."""

_FAILED = "$states.context.Execution.Input.detail"
"""The event's part that says what failed: pipeline, stage, execution-id."""

_CHANGED = "CodePipeline.StageNotRetryableException"

# A tenth of the time since the failure: whoever finishes the connection waits a minute at first, and 30 days take
# about 760 polls of 9 events, below the 25,000 events that an execution may have, for 6 US cents:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html, https://aws.amazon.com/step-functions/pricing/
_PAUSE = "$max([60, $min([3600, $round(($millis() - $toMillis($states.context.Execution.StartTime)) / 10000)])])"


class ConnectionWatch(Construct):
    """Retries the Source stage of pipelines once their connection is available.

    A connection is created PENDING; until a person finishes its handshake, Source actions fail. Creates one EventBridge
    rule and one state machine for all pipelines of the connection. A failed Source action starts the state machine,
    which ends at once if the connection is available: the failure then has another reason, and a retry would not help.
    Otherwise it waits for the connection and retries the stage, if that execution is still the newest one there; if the
    pipeline's definition has changed by then, it starts the pipeline.

    It asks, because nobody tells: CodeConnections sends no event when a connection becomes available, and what
    CloudTrail passes on needs a trail: https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-codeconnections.html

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        connection_arn: The connection, in the account and Region of the stack.
        patience: How long to wait for the connection. Default: 30 days.

    Example::

        ConnectionWatch(self, "Watch", connection_arn=connection.ref)
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, connection_arn: str, patience: Duration | None = None
    ) -> None:
        super().__init__(scope, construct_id)
        self._connection_arn = connection_arn
        self._pipelines = Stack.of(self).format_arn(service="codepipeline", resource="*")
        self._stages = Stack.of(self).format_arn(service="codepipeline", resource="*", resource_name=SOURCE_STAGE)
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(self._steps()),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=patience or Duration.days(30),
            comment="Retries Source stages that failed because the connection was not available",
        )
        # The CDK library's own statements take no condition.
        self.state_machine.add_to_role_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                actions=[
                    "codepipeline:GetPipelineState",
                    "codepipeline:RetryStageExecution",
                    "codepipeline:StartPipelineExecution",
                ],
                resources=[self._pipelines, self._stages],
                conditions={"StringNotEquals": {f"aws:ResourceTag/{CONNECTION_TAG}": connection_arn}},
            )
        )
        self.rule: events.Rule = events.Rule(
            self,
            "SourceFailed",
            description="Source actions that failed and use a connection",
            event_pattern=events.EventPattern(
                source=["aws.codepipeline"],
                # Not the stage's event: only the action's says that the source is a connection.
                detail_type=["CodePipeline Action Execution State Change"],
                detail={
                    "stage": [SOURCE_STAGE],
                    "state": ["FAILED"],
                    "type": {"provider": ["CodeStarSourceConnection"]},
                },
            ),
            targets=[targets.SfnStateMachine(self.state_machine)],
        )
        for_own_account(self.state_machine.node.find_child("EventsRole"))
        acknowledge(
            self.state_machine,
            {
                "AwsSolutions-SF1": "few polls for a failed Source; Step Functions keeps the executions for 90 days",
                "AwsSolutions-SF2": "three services are asked in turn; there is nothing to trace",
                wildcard_resource(self, self._pipelines): (
                    "pipelines of this connection come and go without its stack; it reads which they are, and may do "
                    "nothing with others: those without the connection's tag are denied"
                ),
                wildcard_resource(self, self._stages): (
                    "only stages called Source, and only of pipelines with the connection's tag"
                ),
            },
        )

    def _steps(self) -> sfn.IChainable:
        other_connection = sfn.Succeed(self, "OtherConnection")
        other_reason = sfn.Succeed(self, "OtherReason", comment="The connection is available: a retry would not help")
        superseded = sfn.Succeed(self, "Superseded", comment="A newer execution was in the stage, or somebody retried")

        pipeline = self._call(
            "Pipeline",
            "getPipeline",
            {"Name": f"{{% {_FAILED}.pipeline %}}"},
            resource=self._pipelines,
            assign={
                "connections": "{% $append([], $states.result.Pipeline.Stages.Actions.Configuration.ConnectionArn) %}",
                "waited": False,
            },
        )
        connection = tasks.CallAwsService.jsonata(
            self,
            "Connection",
            service="codeconnections",
            action="getConnection",
            parameters={"ConnectionArn": self._connection_arn},
            iam_action="codeconnections:GetConnection",
            iam_resources=[self._connection_arn],
            # The service has two names: https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
            additional_iam_statements=[
                iam.PolicyStatement(actions=["codestar-connections:GetConnection"], resources=[self._connection_arn])
            ],
            assign={"status": "{% $states.result.Connection.ConnectionStatus %}"},
        )
        _try_again(connection)
        pause = sfn.Wait.jsonata(self, "Pause", time=sfn.WaitTime.seconds(f"{{% {_PAUSE} %}}"), assign={"waited": True})
        still_failed = (
            f"$exists($states.result.StageStates[StageName = {_FAILED}.stage].LatestExecution"
            f"[PipelineExecutionId = {_FAILED}.`execution-id` and Status = 'Failed'])"
        )
        state = self._call(
            "State",
            "getPipelineState",
            {"Name": f"{{% {_FAILED}.pipeline %}}"},
            resource=self._pipelines,
            assign={"stillFailed": f"{{% {still_failed} %}}"},
        )
        retry = self._call(
            "Retry",
            "retryStageExecution",
            {
                "PipelineName": f"{{% {_FAILED}.pipeline %}}",
                "StageName": f"{{% {_FAILED}.stage %}}",
                "PipelineExecutionId": f"{{% {_FAILED}.`execution-id` %}}",
                "RetryMode": "FAILED_ACTIONS",
            },
            resource=self._stages,
            final=_CHANGED,
        )
        # A definition that was changed in the meantime cannot be retried, but started:
        # https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryStageExecution.html
        start = self._call(
            "Start", "startPipelineExecution", {"Name": f"{{% {_FAILED}.pipeline %}}"}, resource=self._pipelines
        )
        retry.add_catch(start, errors=[_CHANGED])

        is_still_failed = (
            sfn.Choice.jsonata(self, "IsStillFailed")
            .when(sfn.Condition.jsonata("{% $stillFailed %}"), retry)
            .otherwise(superseded)
        )
        is_available = (
            sfn.Choice.jsonata(self, "IsAvailable")
            # PENDING, or ERROR, which AWS retries by itself:
            # https://docs.aws.amazon.com/dtconsole/latest/userguide/welcome-connections-workflow.html
            .when(sfn.Condition.jsonata("{% $status != 'AVAILABLE' %}"), pause.next(connection))
            .when(sfn.Condition.jsonata("{% $waited %}"), state.next(is_still_failed))
            .otherwise(other_reason)
        )
        connection.next(is_available)
        return pipeline.next(
            sfn.Choice.jsonata(self, "UsesConnection")
            .when(sfn.Condition.jsonata(f"{{% '{self._connection_arn}' in $connections %}}"), connection)
            .otherwise(other_connection)
        )

    def _call(
        self,
        construct_id: str,
        action: str,
        parameters: Mapping[str, Any],
        *,
        resource: str,
        assign: Mapping[str, Any] | None = None,
        final: str | None = None,
    ) -> tasks.CallAwsService:
        call = tasks.CallAwsService.jsonata(
            self,
            construct_id,
            service="codepipeline",
            action=action,
            parameters=parameters,
            iam_action=f"codepipeline:{action[0].upper()}{action[1:]}",
            iam_resources=[resource],
            assign=assign,
        )
        if final:
            call.add_retry(errors=[final], max_attempts=0)
        _try_again(call)
        return call


def _try_again(task: sfn.TaskStateBase) -> None:
    """Throttling and outages: a few times within a few minutes."""
    task.add_retry(interval=Duration.seconds(5), max_attempts=5, backoff_rate=2)

"""Retries what failed because the connection to Bitbucket was not finished yet."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from pythonbase.monitoring.stage_retries import (
    FAILED,
    call_codepipeline,
    only_pipelines_of,
    pipelines_of,
    retry_stage,
    stages_of,
    try_again,
)
from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.trust import for_own_account

SOURCE_STAGE = "Source"
"""Name of the stage whose failures are looked at."""

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
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(self._steps()),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=patience or Duration.days(30),
            comment="Retries Source stages that failed because the connection was not available",
        )
        self.state_machine.add_to_role_policy(
            only_pipelines_of(
                connection_arn,
                self,
                stage=SOURCE_STAGE,
                actions=[
                    "codepipeline:GetPipelineExecution",
                    "codepipeline:RetryStageExecution",
                    "codepipeline:StartPipelineExecution",
                ],
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
                wildcard_resource(self, pipelines_of(self)): (
                    "pipelines of this connection come and go without its stack; it reads which they are, and may do "
                    "nothing with others: those without the connection's tag are denied"
                ),
                wildcard_resource(self, stages_of(self, SOURCE_STAGE)): (
                    "only stages called Source, and only of pipelines with the connection's tag"
                ),
            },
        )

    def _steps(self) -> sfn.IChainable:
        other_connection = sfn.Succeed(self, "OtherConnection")
        other_reason = sfn.Succeed(self, "OtherReason", comment="The connection is available: a retry would not help")

        pipeline = call_codepipeline(
            self,
            "Pipeline",
            "getPipeline",
            {"Name": f"{{% {FAILED}.pipeline %}}"},
            resource=pipelines_of(self),
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
        try_again(connection)
        pause = sfn.Wait.jsonata(self, "Pause", time=sfn.WaitTime.seconds(f"{{% {_PAUSE} %}}"), assign={"waited": True})

        is_available = (
            sfn.Choice.jsonata(self, "IsAvailable")
            # PENDING, or ERROR, which AWS retries by itself:
            # https://docs.aws.amazon.com/dtconsole/latest/userguide/welcome-connections-workflow.html
            .when(sfn.Condition.jsonata("{% $status != 'AVAILABLE' %}"), pause.next(connection))
            .when(sfn.Condition.jsonata("{% $waited %}"), retry_stage(self, SOURCE_STAGE))
            .otherwise(other_reason)
        )
        connection.next(is_available)
        return pipeline.next(
            sfn.Choice.jsonata(self, "UsesConnection")
            .when(sfn.Condition.jsonata(f"{{% '{self._connection_arn}' in $connections %}}"), connection)
            .otherwise(other_connection)
        )

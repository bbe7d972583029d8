"""Retries what failed because the connection to Bitbucket was not finished yet."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from pythonbase.monitoring.stage_retries import (
    FAILED,
    call_codepipeline,
    keep_to_connection,
    pipelines_of,
    retry_stage,
    start_when_failed,
    try_again,
)

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
        keep_to_connection(
            self,
            self.state_machine,
            connection_arn,
            stage=SOURCE_STAGE,
            actions=[
                "codepipeline:GetPipelineExecution",
                "codepipeline:RetryStageExecution",
                "codepipeline:StartPipelineExecution",
            ],
        )
        self.rule: events.Rule = start_when_failed(
            self,
            "SourceFailed",
            self.state_machine,
            stage=SOURCE_STAGE,
            provider="CodeStarSourceConnection",
            description="Source actions that failed and use a connection",
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

"""Retries Source stages that failed because the handshake of the connection to Bitbucket was not finished."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pythonbase.monitoring.pipeline_permissions import pipelines_of
from pythonbase.monitoring.stage_retries import (
    BUSY_RETRY,
    PIPELINE,
    allow_retries,
    call_codepipeline,
    retry_stage,
    start_when_failed,
)
from pythonbase.state_machines.definition import as_typed_states, definition
from pythonbase.state_machines.states import State, choice, jsonata, succeed, task, wait

SOURCE_STAGE = "Source"
"""Name of the stage that is retried."""

# A tenth of the time since the failure, between a minute and an hour. 30 days take about 760 polls of 9 events, below
# the 25,000 events that an execution may have, and cost 6 US cents:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html, https://aws.amazon.com/step-functions/pricing/
_PAUSE = "$max([60, $min([3600, $round(($millis() - $toMillis($states.context.Execution.StartTime)) / 10000)])])"


class ConnectionWatch(Construct):
    """Retries the Source stage of pipelines once their connection is available.

    A connection is created PENDING; until a person finishes its handshake, Source actions fail. Creates one EventBridge
    rule and one state machine for all pipelines of the connection. A failed Source action starts the state machine. If
    the connection is available, it ends immediately: the failure has another reason, and a retry would not help.
    Otherwise it waits for the connection and retries the stage, if that execution is still the newest one there. If the
    pipeline's definition has changed since, it starts the pipeline.

    It polls the connection, because CodeConnections sends no event when a connection becomes available, and the events
    of CloudTrail need a trail: https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-codeconnections.html

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
        steps = _definition(connection_arn, patience or Duration.days(30))
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(Stack.of(self).to_json_string(steps)),
        )
        for action, resource in (
            ("codepipeline:GetPipeline", pipelines_of(self)),
            ("codeconnections:GetConnection", connection_arn),
            # The service has two names: https://docs.aws.amazon.com/dtconsole/latest/userguide/rename.html
            ("codestar-connections:GetConnection", connection_arn),
        ):
            self.state_machine.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        allow_retries(self, self.state_machine, connection_arn, stage=SOURCE_STAGE)
        self.rule: events.Rule = start_when_failed(
            self,
            "SourceFailed",
            self.state_machine,
            stage=SOURCE_STAGE,
            provider="CodeStarSourceConnection",
            description="Source actions that failed and use a connection",
        )


def _definition(connection_arn: str, patience: Duration) -> State:
    used = "$states.result.Pipeline.Stages.Actions.Configuration.ConnectionArn"
    states = {
        "Pipeline": call_codepipeline(
            "getPipeline",
            {"Name": PIPELINE},
            assign={"connections": jsonata(f"$append([], {used})"), "waited": False},
            then="UsesConnection",
        ),
        "UsesConnection": choice((f"'{connection_arn}' in $connections", "Connection"), otherwise="OtherConnection"),
        "OtherConnection": succeed(),
        "Connection": task(
            "aws-sdk:codeconnections:getConnection",
            {"ConnectionArn": connection_arn},
            retries=[BUSY_RETRY],
            assign={"status": jsonata("$states.result.Connection.ConnectionStatus")},
            then="IsAvailable",
        ),
        "Pause": wait(jsonata(_PAUSE), then="Connection", assign={"waited": True}),
        "IsAvailable": choice(
            # PENDING, or ERROR, which AWS retries by itself:
            # https://docs.aws.amazon.com/dtconsole/latest/userguide/welcome-connections-workflow.html
            ("$status != 'AVAILABLE'", "Pause"),
            ("$waited", "Execution"),
            otherwise="OtherReason",
        ),
        "OtherReason": succeed(comment="The connection is available: a retry would not help"),
        **retry_stage(),
    }
    return as_typed_states(
        definition(
            "Retries Source stages that failed because the connection was not available",
            states,
            timeout_seconds=int(patience.to_seconds()),
        )
    )

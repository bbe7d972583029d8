"""What the watches over pipelines share: retrying a failed stage, and reaching pipelines of one connection only."""

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

from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.trust import for_own_account
from pythonbase.pipelines.bitbucket_source import CONNECTION_TAG

FAILED = "$states.context.Execution.Input.detail"
"""The event's part that says what failed: pipeline, stage, execution-id."""

_CHANGED = "CodePipeline.StageNotRetryableException"
_LATER_RUN = "CodePipeline.NotLatestPipelineExecutionException"


def pipelines_of(scope: Construct) -> str:
    """ARN of the pipelines in the account and Region of the stack."""
    return Stack.of(scope).format_arn(service="codepipeline", resource="*")


def stages_of(scope: Construct, stage: str) -> str:
    """ARN of the stages of that name in the account and Region of the stack."""
    return Stack.of(scope).format_arn(service="codepipeline", resource="*", resource_name=stage)


def start_when_failed(
    scope: Construct, construct_id: str, machine: sfn.StateMachine, *, stage: str, provider: str, description: str
) -> events.Rule:
    """A rule that starts the state machine for each failed action of the provider in the stage."""
    rule = events.Rule(
        scope,
        construct_id,
        description=description,
        event_pattern=events.EventPattern(
            source=["aws.codepipeline"],
            # Not the stage's event: only the action's says which provider it has.
            detail_type=["CodePipeline Action Execution State Change"],
            detail={"stage": [stage], "state": ["FAILED"], "type": {"provider": [provider]}},
        ),
        targets=[targets.SfnStateMachine(machine)],
    )
    for_own_account(machine.node.find_child("EventsRole"))
    return rule


def keep_to_connection(
    scope: Construct, machine: sfn.StateMachine, connection_arn: str, *, stage: str, actions: list[str]
) -> None:
    """Deny the state machine these actions on pipelines of others, and say why the rest has wildcards."""
    machine.add_to_role_policy(only_pipelines_of(connection_arn, scope, stage=stage, actions=actions))
    acknowledge(
        machine,
        {
            "AwsSolutions-SF1": "few calls for each failure; Step Functions keeps the executions for 90 days",
            "AwsSolutions-SF2": "services are asked in turn; there is nothing to trace",
            wildcard_resource(scope, pipelines_of(scope)): (
                "pipelines of this connection come and go without its stack; it may do nothing with others but read "
                "which connection they use: those without the connection's tag are denied"
            ),
            wildcard_resource(scope, stages_of(scope, stage)): (
                f"only stages called {stage}, and only of pipelines with the connection's tag"
            ),
        },
    )


def retry_stage(scope: Construct, stage: str) -> sfn.IChainable:
    """Retry the stage if its execution still stands as failed; it says nothing about why it failed.

    An execution with a later run in the stage is left alone. A pipeline whose definition has changed meanwhile cannot
    be retried, and is started: https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryStageExecution.html
    """
    superseded = sfn.Succeed(scope, "Superseded", comment="A later run was in the stage, or somebody retried")
    # Not the pipeline's state: it shows one execution of a stage, and pipelines in PARALLEL mode have several.
    execution = call_codepipeline(
        scope,
        "Execution",
        "getPipelineExecution",
        {"PipelineName": f"{{% {FAILED}.pipeline %}}", "PipelineExecutionId": f"{{% {FAILED}.`execution-id` %}}"},
        resource=pipelines_of(scope),
        assign={"status": "{% $states.result.PipelineExecution.Status %}"},
    )
    retry = call_codepipeline(
        scope,
        "Retry",
        "retryStageExecution",
        {
            "PipelineName": f"{{% {FAILED}.pipeline %}}",
            "StageName": f"{{% {FAILED}.stage %}}",
            "PipelineExecutionId": f"{{% {FAILED}.`execution-id` %}}",
            "RetryMode": "FAILED_ACTIONS",
        },
        resource=stages_of(scope, stage),
        final=(_CHANGED, _LATER_RUN),
    )
    start = call_codepipeline(
        scope, "Start", "startPipelineExecution", {"Name": f"{{% {FAILED}.pipeline %}}"}, resource=pipelines_of(scope)
    )
    retry.add_catch(start, errors=[_CHANGED])
    retry.add_catch(superseded, errors=[_LATER_RUN])
    return execution.next(
        sfn.Choice.jsonata(scope, "IsStillFailed")
        .when(sfn.Condition.jsonata("{% $status = 'Failed' %}"), retry)
        .otherwise(superseded)
    )


def call_codepipeline(
    scope: Construct,
    construct_id: str,
    action: str,
    parameters: Mapping[str, Any],
    *,
    resource: str,
    assign: Mapping[str, Any] | None = None,
    final: tuple[str, ...] = (),
) -> tasks.CallAwsService:
    """A call of CodePipeline that is repeated when AWS is busy, but not after the ``final`` errors."""
    call = tasks.CallAwsService.jsonata(
        scope,
        construct_id,
        service="codepipeline",
        action=action,
        parameters=parameters,
        iam_action=f"codepipeline:{action[0].upper()}{action[1:]}",
        iam_resources=[resource],
        assign=assign,
    )
    if final:
        call.add_retry(errors=[*final], max_attempts=0)
    try_again(call)
    return call


def try_again(task: sfn.TaskStateBase) -> None:
    """Throttling and outages: a few times within a few minutes."""
    task.add_retry(interval=Duration.seconds(5), max_attempts=5, backoff_rate=2)


def only_pipelines_of(
    connection_arn: str, scope: Construct, *, stage: str | None = None, actions: list[str]
) -> iam.PolicyStatement:
    """Denies the actions on pipelines without the connection's tag: the CDK library's statements take no condition.

    Args:
        connection_arn: The connection.
        scope: In the stack whose account and Region the pipelines are in.
        stage: Name of the stages that the actions are about, if they are not about pipelines alone.
        actions: What is denied.
    """
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=actions,
        resources=[pipelines_of(scope), *([stages_of(scope, stage)] if stage else [])],
        conditions={"StringNotEquals": {f"aws:ResourceTag/{CONNECTION_TAG}": connection_arn}},
    )

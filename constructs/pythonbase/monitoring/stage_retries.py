"""What the watches over pipelines share: a rule that starts them, the steps that retry a stage, their permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pythonbase.monitoring.pipeline_permissions import only_pipelines_of, pipelines_of, stages_of
from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.trust import for_own_account
from pythonbase.state_machines.errors import ANY_ERROR, catch, never_retry, retry
from pythonbase.state_machines.states import State, States, choice, jsonata, succeed, task

FAILED = "$states.context.Execution.Input.detail"
"""The part of the event that says what failed: pipeline, stage, execution-id."""

PIPELINE = jsonata(f"{FAILED}.pipeline")
EXECUTION = jsonata(f"{FAILED}.`execution-id`")

BUSY_RETRY = retry(ANY_ERROR, attempts=5, interval=5)
"""For throttling and outages: 5 retries within a few minutes."""

_CHANGED = "CodePipeline.StageNotRetryableException"
_LATER_RUN = "CodePipeline.NotLatestPipelineExecutionException"


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
            # Not the stage's event: only the action's event contains the provider.
            detail_type=["CodePipeline Action Execution State Change"],
            detail={"stage": [stage], "state": ["FAILED"], "type": {"provider": [provider]}},
        ),
        targets=[targets.SfnStateMachine(machine)],
    )
    for_own_account(machine.node.find_child("EventsRole"))
    return rule


def retry_stage() -> States:
    """Retry the stage if the execution is still failed. Starts with ``Execution``; does not check why it failed.

    Does nothing if a later execution was in the stage. A pipeline whose definition has changed since cannot be retried,
    so it is started: https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_RetryStageExecution.html
    """
    return {
        # Not the pipeline's state: it shows one execution of a stage, and pipelines in PARALLEL mode have several.
        "Execution": call_codepipeline(
            "getPipelineExecution",
            {"PipelineName": PIPELINE, "PipelineExecutionId": EXECUTION},
            assign={"status": jsonata("$states.result.PipelineExecution.Status")},
            then="IsStillFailed",
        ),
        "IsStillFailed": choice(("$status = 'Failed'", "Retry"), otherwise="Superseded"),
        "Superseded": succeed(comment="A later run was in the stage, or somebody retried"),
        "Retry": call_codepipeline(
            "retryStageExecution",
            {
                "PipelineName": PIPELINE,
                "StageName": jsonata(f"{FAILED}.stage"),
                "PipelineExecutionId": EXECUTION,
                "RetryMode": "FAILED_ACTIONS",
            },
            catches={_CHANGED: "Start", _LATER_RUN: "Superseded"},
        ),
        "Start": call_codepipeline("startPipelineExecution", {"Name": PIPELINE}),
    }


def allow_retries(
    scope: Construct, machine: sfn.StateMachine, connection_arn: str, *, stage: str, reads: Sequence[str] = ()
) -> None:
    """Allow the state machine what ``retry_stage`` calls, and ``reads``, on pipelines of the connection only."""
    pipelines, stages = pipelines_of(scope), stages_of(scope, stage)
    allowed = {
        **dict.fromkeys(reads, pipelines),
        "codepipeline:GetPipelineExecution": pipelines,
        "codepipeline:RetryStageExecution": stages,
        "codepipeline:StartPipelineExecution": pipelines,
    }
    for action, resource in allowed.items():
        machine.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
    machine.add_to_role_policy(only_pipelines_of(connection_arn, scope, stage=stage, actions=sorted(allowed)))
    acknowledge(
        machine,
        {
            "AwsSolutions-SF1": "few calls for each failure; Step Functions keeps the executions for 90 days",
            "AwsSolutions-SF2": "services are asked in turn; there is nothing to trace",
            wildcard_resource(scope, pipelines): (
                "pipelines of this connection come and go without its stack; it may do nothing with others but read "
                "which connection they use: those without the connection's tag are denied"
            ),
            wildcard_resource(scope, stages): (
                f"only stages called {stage}, and only of pipelines with the connection's tag"
            ),
        },
    )


def call_codepipeline(
    action: str,
    arguments: Mapping[str, Any],
    *,
    then: str | None = None,
    assign: Mapping[str, Any] | None = None,
    catches: Mapping[str, str] | None = None,
) -> State:
    """A call of CodePipeline that is retried when AWS is busy. After an error of ``catches``, the state that it names
    is next, without a retry.
    """
    errors = catches or {}
    return task(
        f"aws-sdk:codepipeline:{action}",
        arguments,
        retries=[*([never_retry(*errors)] if errors else []), BUSY_RETRY],
        catches=[catch(error, then=state) for error, state in errors.items()],
        assign=assign,
        then=then,
    )

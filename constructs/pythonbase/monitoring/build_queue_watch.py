"""Retries Build stages that failed because the account's quota of builds was used up."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pythonbase.monitoring.stage_retries import (
    EXECUTION,
    FAILED,
    PIPELINE,
    allow_retries,
    call_codepipeline,
    retry_stage,
    start_when_failed,
)
from pythonbase.state_machines.definition import as_typed_states, definition
from pythonbase.state_machines.states import State, choice, fail, jsonata, succeed, wait

BUILD_STAGE = "Build"
"""Name of the stage that is retried."""

MOST_RETRIES = 60
"""Retries of one execution, which take about 41 hours."""

_REFUSAL = "builds in queue for the account"
"""Part of CodePipeline's message when CodeBuild refuses to start a build. It is not documented, but in issue threads:
https://github.com/aws-samples/aws-secure-environment-accelerator/issues/982, https://github.com/aws/aws-cdk/issues/27335"""

# 1, 2, 4 … 32 minutes, then an hour. Each is a random part of it, between a half and the whole, because builds that
# were refused together must not be retried together.
_PAUSE = "$round($min([3600, 60 * $power(2, $min([6, $refused - 1]))]) * (0.5 + $random() / 2))"


class BuildQueueWatch(Construct):
    """Retries the Build stage of pipelines when CodeBuild refused to start the build.

    CodeBuild refuses builds beyond the account's quota, which is 0 or 1 in a new account. The pipeline then fails, and
    CodePipeline does not retry by itself. Creates one EventBridge rule and one state machine for all pipelines of a
    connection. A failed Build action starts the state machine. It ends immediately if the build failed for another
    reason. Otherwise it retries the stage with exponential backoff. After ``MOST_RETRIES`` it fails with a message that
    says what to do. Raise the quota to make it unnecessary:
    https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        connection_arn: The connection whose pipelines are watched, in the account and Region of the stack.

    Example::

        BuildQueueWatch(self, "BuildQueue", connection_arn=connection.ref)
    """

    def __init__(self, scope: Construct, construct_id: str, *, connection_arn: str) -> None:
        super().__init__(scope, construct_id)
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(Stack.of(self).to_json_string(_definition())),
        )
        allow_retries(
            self, self.state_machine, connection_arn, stage=BUILD_STAGE, reads=["codepipeline:ListActionExecutions"]
        )
        self.rule: events.Rule = start_when_failed(
            self,
            "BuildFailed",
            self.state_machine,
            stage=BUILD_STAGE,
            provider="CodeBuild",
            description="Build actions that failed; why, the state machine reads",
        )


def _definition() -> State:
    failed = f"$states.result.ActionExecutionDetails[StageName = {FAILED}.stage and Status = 'Failed']"
    said = "Output.ExecutionResult.(ExternalExecutionSummary & ' ' & ErrorDetails.Message)"
    states = {
        "Attempts": call_codepipeline(
            "listActionExecutions",
            {
                "PipelineName": PIPELINE,
                "Filter": {"PipelineExecutionId": EXECUTION},
                # Newest first; more than all attempts and the few actions before them.
                "MaxResults": 100,
            },
            assign={
                "refused": jsonata(f"$count({failed}[$contains({said}, '{_REFUSAL}')])"),
                "newest": jsonata(f"$string({failed}[0].{said})"),
            },
            then="Why",
        ),
        "Why": choice(
            (f"$not($contains($newest, '{_REFUSAL}'))", "OtherReason"),
            (f"$refused > {MOST_RETRIES}", "GivenUp"),
            otherwise="Pause",
        ),
        "Pause": wait(jsonata(_PAUSE), then="Execution"),
        **retry_stage(),
        "OtherReason": succeed(comment="The build ran and failed: a retry would not help"),
        "GivenUp": fail(
            error="BuildQueueFull",
            cause=f"CodeBuild refused to start the build {MOST_RETRIES} times. Raise the account's quota of concurrent "
            "builds, then retry the Build stage of the pipeline",
        ),
    }
    return as_typed_states(
        definition("Retries Build stages whose build was refused because of the account's quota", states)
    )

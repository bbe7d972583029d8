"""Retries builds that CodeBuild did not start because the account's quota was used up."""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pythonbase.monitoring.stage_retries import (
    FAILED,
    call_codepipeline,
    keep_to_connection,
    pipelines_of,
    retry_stage,
    start_when_failed,
)

BUILD_STAGE = "Build"
"""Name of the stage whose failures are looked at."""

MOST_RETRIES = 60
"""Retries of one execution, which take about 41 hours."""

_REFUSAL = "builds in queue for the account"
"""Part of what CodePipeline says when CodeBuild refuses to start a build; no page lists the text, issue threads do:
https://github.com/aws-samples/aws-secure-environment-accelerator/issues/982, https://github.com/aws/aws-cdk/issues/27335"""

# 1, 2, 4 … 32 minutes, then an hour, each between a half and the whole of it: who was refused together does not come
# back together.
_PAUSE = "$round($min([3600, 60 * $power(2, $min([6, $refused - 1]))]) * (0.5 + $random() / 2))"


class BuildQueueWatch(Construct):
    """Retries the Build stage of pipelines when CodeBuild refused to start the build.

    CodeBuild refuses builds beyond the account's quota, which is 0 or 1 in a new account; the pipeline then fails, and
    CodePipeline does not try again by itself. Creates one EventBridge rule and one state machine for all pipelines of a
    connection. A failed Build action starts the state machine. It ends at once if the build failed for another reason.
    Otherwise it waits, the longer the more often this execution was refused, and retries the stage. After
    ``MOST_RETRIES`` it fails with a text that says what to do. Raise the quota to make it unnecessary:
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
            definition_body=sfn.DefinitionBody.from_chainable(self._steps()),
            query_language=sfn.QueryLanguage.JSONATA,
            comment="Retries Build stages whose build was refused because of the account's quota",
        )
        keep_to_connection(
            self,
            self.state_machine,
            connection_arn,
            stage=BUILD_STAGE,
            actions=[
                "codepipeline:GetPipelineExecution",
                "codepipeline:ListActionExecutions",
                "codepipeline:RetryStageExecution",
                "codepipeline:StartPipelineExecution",
            ],
        )
        self.rule: events.Rule = start_when_failed(
            self,
            "BuildFailed",
            self.state_machine,
            stage=BUILD_STAGE,
            provider="CodeBuild",
            description="Build actions that failed; why, the state machine reads",
        )

    def _steps(self) -> sfn.IChainable:
        other_reason = sfn.Succeed(self, "OtherReason", comment="The build ran and failed: a retry would not help")
        given_up = sfn.Fail(
            self,
            "GivenUp",
            error="BuildQueueFull",
            cause=f"CodeBuild refused to start the build {MOST_RETRIES} times. Raise the account's quota of concurrent "
            "builds, then retry the Build stage of the pipeline",
        )
        failed = f"$states.result.ActionExecutionDetails[StageName = {FAILED}.stage and Status = 'Failed']"
        said = "Output.ExecutionResult.(ExternalExecutionSummary & ' ' & ErrorDetails.Message)"
        attempts = call_codepipeline(
            self,
            "Attempts",
            "listActionExecutions",
            {
                "PipelineName": f"{{% {FAILED}.pipeline %}}",
                "Filter": {"PipelineExecutionId": f"{{% {FAILED}.`execution-id` %}}"},
                # Newest first; more than all attempts and the few actions before them.
                "MaxResults": 100,
            },
            resource=pipelines_of(self),
            assign={
                "refused": f"{{% $count({failed}[$contains({said}, '{_REFUSAL}')]) %}}",
                "newest": f"{{% $string({failed}[0].{said}) %}}",
            },
        )
        pause = sfn.Wait.jsonata(self, "Pause", time=sfn.WaitTime.seconds(f"{{% {_PAUSE} %}}"))
        return attempts.next(
            sfn.Choice.jsonata(self, "Why")
            .when(sfn.Condition.jsonata(f"{{% $not($contains($newest, '{_REFUSAL}')) %}}"), other_reason)
            .when(sfn.Condition.jsonata(f"{{% $refused > {MOST_RETRIES} %}}"), given_up)
            .otherwise(pause.next(retry_stage(self, BUILD_STAGE)))
        )

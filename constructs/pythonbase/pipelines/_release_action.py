"""The pipeline action that runs a release."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct


class ReleaseAction(actions.Action):
    """Runs a release state machine and waits for its end.

    The CDK library's ``StepFunctionInvokeAction`` needs the state machine itself, or an imported one with its account
    and Region. This action needs only the ARN, which follows from the name, and passes only the input.

    Args:
        state_machine_arn: The state machine.
        state_machine_input: Its input; may contain variables of the pipeline.
        role: The role that may start it, in the state machine's account.
        region: Its Region, if it is not the pipeline's.
    """

    def __init__(
        self,
        *,
        state_machine_arn: str,
        state_machine_input: Mapping[str, str],
        role: iam.IRole,
        region: str | None = None,
    ) -> None:
        super().__init__(
            action_name="Release",
            category=codepipeline.ActionCategory.INVOKE,
            provider="StepFunctions",
            artifact_bounds=codepipeline.ActionArtifactBounds(min_inputs=0, max_inputs=0, min_outputs=0, max_outputs=0),
            region=region,
            role=role,
        )
        self._state_machine_arn, self._input = state_machine_arn, dict(state_machine_input)

    def _bound(
        self, scope: Construct, stage: codepipeline.IStage, *, bucket: s3.IBucket, role: iam.IRole
    ) -> codepipeline.ActionConfig:
        del stage, bucket, role
        return codepipeline.ActionConfig(
            configuration={
                "StateMachineArn": self._state_machine_arn,
                "InputType": "Literal",
                "Input": Stack.of(scope).to_json_string(self._input),
            }
        )

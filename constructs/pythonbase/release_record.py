"""Records a release once it runs."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from pythonbase._acknowledge import acknowledge
from pythonbase.release import ReleaseNames


class ReleaseRecord(Construct):
    """A state machine that writes what is released to the service's SSM parameters. No code to maintain.

    Input: ``{"image": "<repository>@<digest>", "baseImage": "<repository>@<digest>"}``.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        names: The parameters to write.
    """

    def __init__(self, scope: Construct, construct_id: str, *, names: ReleaseNames) -> None:
        super().__init__(scope, construct_id)
        # The image last: it is what counts, and it is only written when all else is recorded.
        steps = self._write("RecordBaseImage", names, names.base_image_parameter, "$.baseImage").next(
            self._write("RecordImage", names, names.image_parameter, "$.image")
        )
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(steps),
            timeout=Duration.minutes(5),
            comment=f"Records the release of {names.service_name}",
        )
        acknowledge(
            self.state_machine,
            {
                "AwsSolutions-SF1": "two writes per release; Step Functions keeps the executions for 90 days",
                "AwsSolutions-SF2": "two writes per release; there is nothing to trace",
            },
        )

    def _write(self, construct_id: str, names: ReleaseNames, parameter: str, path: str) -> tasks.CallAwsService:
        return tasks.CallAwsService(
            self,
            construct_id,
            service="ssm",
            action="putParameter",
            parameters={
                "Name": parameter,
                "Type": "String",
                "Value": sfn.JsonPath.string_at(path),
                "Overwrite": True,
            },
            iam_resources=[names.parameter_arn(self, parameter)],
            result_path=sfn.JsonPath.DISCARD,
        )

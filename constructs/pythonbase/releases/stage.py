"""One environment in the order in which a pipeline releases to them."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.permissions.trust import role_arn
from pythonbase.releases.names import ReleaseNames


@dataclass(frozen=True)
class ReleaseStage:
    """An environment that a pipeline releases to.

    Args:
        names: Which service and environment; a ``WebService`` has it as ``names``.
        approval: Whether somebody must approve each release. Default: no.
        approval_timeout: How long the approval may take. Default: 7 days, CodePipeline's own.
        account: The environment's AWS account. Default: the pipeline's. In another one it needs a ``ReleaseStarter``.
        region: The environment's Region. Default: the pipeline's.
    """

    names: ReleaseNames
    approval: bool = False
    approval_timeout: Duration | None = None
    account: str | None = None
    region: str | None = None

    @property
    def stage_name(self) -> str:
        """Name of the pipeline's stage: `staging` is `Staging`."""
        name = self.names.environment_name or "deploy"
        return "".join(word.capitalize() for word in name.split("-"))

    @property
    def approval_name(self) -> str:
        """Name of the stage with its approval: that of `staging` is `ApproveStaging`."""
        return f"Approve{self.stage_name}"

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Names of all its stages, in their order."""
        return (self.approval_name, self.stage_name) if self.approval else (self.stage_name,)

    def state_machine_arn(self, scope: Construct) -> str:
        """ARN of the state machine that releases to this environment."""
        return self.names.state_machine_arn(scope, account=self.account, region=self.region)

    def execution_arns(self, scope: Construct) -> str:
        """ARN of every execution of that state machine."""
        return self.names.execution_arns(scope, account=self.account, region=self.region)

    def starter_role_arn(self, scope: Construct) -> str:
        """ARN of the role in the environment's account with which the pipeline releases to it."""
        return role_arn(scope, self.names.starter_role_name, account=self.account)

    def start_statements(self, scope: Construct) -> list[iam.PolicyStatement]:
        """What is needed to release:
        https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-StepFunctions.html
        """
        return [
            iam.PolicyStatement(
                actions=["states:DescribeStateMachine", "states:StartExecution"],
                resources=[self.state_machine_arn(scope)],
            ),
            iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[self.execution_arns(scope)]),
        ]

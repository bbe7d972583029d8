"""Lets a pipeline of another account release."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.trust import role_arn
from pythonbase.releases.stage import ReleaseStage


class ReleaseStarter(Construct):
    """The role with which a pipeline in another account starts the releases of one environment, and nothing else.

    Put it into a stack of the environment's account. It trusts the pipeline's role by name, because that role is made
    later than this one.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        stage: The environment.
        pipeline_account: The AWS account of the pipeline.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: ReleaseStage, pipeline_account: str) -> None:
        super().__init__(scope, construct_id)
        pipeline_role = role_arn(self, stage.names.pipeline_role_name, account=pipeline_account)
        self.role: iam.Role = iam.Role(
            self,
            "Role",
            role_name=stage.names.starter_role_name,
            description=f"Releases to {stage.names.deployed_name} from account {pipeline_account}",
            assumed_by=iam.PrincipalWithConditions(
                iam.AccountPrincipal(pipeline_account), {"ArnEquals": {"aws:PrincipalArn": pipeline_role}}
            ),
        )
        for statement in stage.start_statements(self):
            self.role.add_to_policy(statement)
        acknowledge(
            self.role,
            {
                wildcard_resource(self.role, stage.execution_arns(self)): (
                    "every execution of this one state machine: each release starts one"
                )
            },
        )

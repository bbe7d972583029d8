"""The roles with which a pipeline and its actions work, each for its own part only."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase._acknowledge import acknowledge, wildcard_resource
from pythonbase.action_statements import locate_bucket, run_builds, use_connection
from pythonbase.artifact_bucket import ArtifactBucket
from pythonbase.release_record import ReleaseRecord
from pythonbase.web_service import WebService

_ECS_ACTION_PAGE = "https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-ECS.html"


class PipelineRoles(Construct):
    """One role for the pipeline and one for each kind of action.

    The CDK library would grant an action more than it needs (``ecs:UpdateService`` on every service, whole buckets), so
    the pipeline gets these roles as they are.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        artifacts: The pipeline's artifact bucket.
        connection_arn: The connection that the Source action uses.
        project: The CodeBuild project that the Build action runs.
        service: The service that the Deploy action updates.
        record: The state machine that the Record action runs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: ArtifactBucket,
        connection_arn: str,
        project: codebuild.IProject,
        service: WebService,
        record: ReleaseRecord,
    ) -> None:
        super().__init__(scope, construct_id)
        self.pipeline = iam.Role(self, "Pipeline", assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com"))
        self.source = self._action_role("Source", [use_connection(connection_arn), locate_bucket(artifacts)])
        self.build = self._action_role("Build", [run_builds(project)])
        self.deploy = self._action_role("Deploy", self._deploy_statements(service))
        self.record = self._action_role("Record", self._record_statements(record))

        artifacts.grant_read_write_artifacts(self.pipeline)
        artifacts.grant_write_source(self.source)
        artifacts.grant_read_write_artifacts(self.build)
        artifacts.grant_read_artifacts(self.deploy)
        self.pipeline.add_to_policy(locate_bucket(artifacts))
        self._acknowledge_wildcards(service, record)

    def _action_role(self, construct_id: str, statements: list[iam.PolicyStatement]) -> iam.Role:
        role = iam.Role(self, construct_id, assumed_by=iam.ArnPrincipal(self.pipeline.role_arn))
        for statement in statements:
            role.add_to_policy(statement)
        self.pipeline.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[role.role_arn]))
        return role

    def _deploy_statements(self, service: WebService) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(actions=["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"], resources=["*"]),
            iam.PolicyStatement(actions=["ecs:DescribeServices", "ecs:UpdateService"], resources=[service.service_arn]),
            iam.PolicyStatement(
                actions=["ecs:TagResource"],
                resources=[self._task_definition_revisions(service)],
                conditions={"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
            ),
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn for role in service.passed_roles],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ]

    def _record_statements(self, record: ReleaseRecord) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(
                actions=["states:DescribeStateMachine", "states:StartExecution"],
                resources=[record.state_machine.state_machine_arn],
            ),
            iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[self._executions(record)]),
        ]

    def _task_definition_revisions(self, service: WebService) -> str:
        return Stack.of(self).format_arn(
            service="ecs", resource="task-definition", resource_name=f"{service.names.service_name}:*"
        )

    def _executions(self, record: ReleaseRecord) -> str:
        return Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=f"{record.state_machine.state_machine_name}:*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _acknowledge_wildcards(self, service: WebService, record: ReleaseRecord) -> None:
        acknowledge(
            self.deploy,
            {
                "AwsSolutions-IAM5[Resource::*]": "reading and registering task definitions is allowed for all, as the "
                f"ECS action's page has it: {_ECS_ACTION_PAGE}",
                wildcard_resource(self.deploy, self._task_definition_revisions(service)): (
                    "every revision of this one task definition: each release registers one"
                ),
            },
        )
        acknowledge(
            self.record,
            {
                wildcard_resource(self.record, self._executions(record)): (
                    "every execution of this one state machine: each release starts one"
                )
            },
        )

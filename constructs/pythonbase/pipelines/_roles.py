"""The roles of a pipeline and its actions, each with only the permissions that it needs."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.statements import locate_bucket, run_builds, use_connection
from pythonbase.permissions.trust import for_own_account
from pythonbase.pipelines.action_role import action_role
from pythonbase.pipelines.artifact_bucket import ArtifactBucket
from pythonbase.releases.stage import ReleaseStage


class PipelineRoles(Construct):
    """One role for the pipeline and one for each kind of action.

    The CDK library would grant an action more than it needs (whole buckets, every report group), so the pipeline uses
    these roles unchanged. The role for a release in another account is in that account (``ReleaseStarter``).

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        artifacts: The pipeline's artifact bucket.
        connection_arn: The connection that the Source action uses.
        project: The CodeBuild project that the Build action runs.
        stages: The environments that the pipeline releases to.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifacts: ArtifactBucket,
        connection_arn: str,
        project: codebuild.IProject,
        stages: Sequence[ReleaseStage],
    ) -> None:
        super().__init__(scope, construct_id)
        elsewhere = any(stage.account for stage in stages)
        self.pipeline = iam.Role(
            self,
            "Pipeline",
            assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com"),
            # The roles in other accounts trust it by this name.
            role_name=stages[0].names.pipeline_role_name if elsewhere else None,
        )
        for_own_account(self.pipeline)
        self.source = action_role(
            self, "Source", self.pipeline, [use_connection(connection_arn), locate_bucket(artifacts.bucket)]
        )
        self.build = action_role(self, "Build", self.pipeline, [run_builds(project)])
        self._releases = {stage.stage_name: self._release_role(stage) for stage in stages if not stage.account}
        for stage in stages:
            if stage.account:
                starter = stage.starter_role_arn(self)
                self.pipeline.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[starter]))

        artifacts.grant_read_write_artifacts(self.pipeline)
        artifacts.grant_write_source(self.source)
        artifacts.grant_read_write_artifacts(self.build)
        self.pipeline.add_to_policy(locate_bucket(artifacts.bucket))

    def release(self, stage: ReleaseStage) -> iam.IRole:
        """The role that releases to an environment; for another account, the pipeline's, which assumes one there."""
        role = self._releases.get(stage.stage_name, self.pipeline)
        return role.without_policy_updates()

    def _release_role(self, stage: ReleaseStage) -> iam.Role:
        role = action_role(self, stage.stage_name, self.pipeline, stage.start_statements(self))
        acknowledge(
            role,
            {
                wildcard_resource(role, stage.execution_arns(self)): (
                    "every execution of this one state machine: each release starts one"
                )
            },
        )
        return role

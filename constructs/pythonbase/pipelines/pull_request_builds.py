"""Builds and tests pull requests, without access to what runs."""

from __future__ import annotations

from aws_cdk import Tags
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.images.project import ImageProject
from pythonbase.permissions.statements import locate_bucket, run_builds, see_bucket, use_connection
from pythonbase.permissions.trust import for_own_account
from pythonbase.pipelines.action_role import action_role
from pythonbase.pipelines.artifact_bucket import ArtifactBucket
from pythonbase.pipelines.bitbucket_source import CONNECTION_TAG, BitbucketSource
from pythonbase.pipelines.service_build import ServiceImage, service_build
from pythonbase_buildspecs import pull_request_buildspec

PIPELINE_SUFFIX = "-pull-requests"
"""End of the pipeline's name, after the name of the service."""


class PullRequestBuilds(Construct):
    """A pipeline that builds and tests each pull request into a branch, and again after each push to it.

    The code of a pull request runs before anyone has reviewed it. So this pipeline shares nothing with the pipeline
    that releases: it has its own bucket, project and roles. The build runs under the same source policy. It may only
    pull the base image, write logs and report its tests: it has no permissions for the service's ECR repository, for
    ECS or for the artifacts of a release.

    Creates a CodePipeline (V2) ``<service>-pull-requests`` with the stages Source and Build. Executions run in parallel
    (PARALLEL): a slow pull request does not delay others, and no execution supersedes another:
    https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service_name: Name of the service.
        source: The repository; pull requests into its branch that change its paths are built.
        image: What to build, the same as for a release.

    Raises:
        ValueError: if the path of the Dockerfile or the context is malformed.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, service_name: str, source: BitbucketSource, image: ServiceImage
    ) -> None:
        super().__init__(scope, construct_id)
        self.artifacts = ArtifactBucket(self, "Artifacts")
        self.build: ImageProject = service_build(
            self,
            "Build",
            image=image,
            buildspec=pull_request_buildspec(
                dockerfile=image.dockerfile,
                context=image.context,
                tests=image.test_command is not None,
                source_policy=image.source_policy,
            ),
            description=f"Tries pull requests of {service_name}",
        )
        self.artifacts.grant_read_artifacts(self.build.role)
        self.build.role.add_to_policy(see_bucket(self.artifacts.bucket))
        role = iam.Role(self, "PipelineRole", assumed_by=iam.ServicePrincipal("codepipeline.amazonaws.com"))
        for_own_account(role)
        source_role = action_role(
            self,
            "SourceActionRole",
            role,
            [use_connection(source.connection_arn), locate_bucket(self.artifacts.bucket)],
        )
        build_role = action_role(self, "BuildActionRole", role, [run_builds(self.build.project)])
        role.add_to_policy(locate_bucket(self.artifacts.bucket))
        self.artifacts.grant_read_write_artifacts(role)
        self.artifacts.grant_write_source(source_role)
        self.artifacts.grant_read_artifacts(build_role)

        code = codepipeline.Artifact("Source")
        source_action = source.action(code, role=source_role.without_policy_updates())
        build_action = actions.CodeBuildAction(
            action_name="Image",
            type=actions.CodeBuildActionType.TEST,
            project=self.build.project,
            input=code,
            role=build_role.without_policy_updates(),
            environment_variables={
                "COMMIT_ID": codebuild.BuildEnvironmentVariable(value=source_action.variables.commit_id)
            },
        )
        self.pipeline: codepipeline.Pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_name=f"{service_name}{PIPELINE_SUFFIX}",
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=codepipeline.ExecutionMode.PARALLEL,
            artifact_bucket=self.artifacts.bucket,
            role=role.without_policy_updates(),
            stages=[
                codepipeline.StageProps(stage_name="Source", actions=[source_action]),
                codepipeline.StageProps(stage_name="Build", actions=[build_action]),
            ],
            triggers=[source.on_pull_request(source_action)],
        )
        Tags.of(self.pipeline).add(CONNECTION_TAG, source.connection_arn)
        # The pipeline starts as soon as it exists: its roles must have their permissions by then.
        self.pipeline.node.add_dependency(role, source_role, build_role, self.build)

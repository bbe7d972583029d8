"""The pipeline from a push to Bitbucket to running containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from aws_cdk import Stack, Tags
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pythonbase.images.project import ImageProject
from pythonbase.images.reference import IBaseImage
from pythonbase.images.repository import PULL_ACTIONS, PUSH_ACTIONS
from pythonbase.permissions.statements import see_bucket, use_connection
from pythonbase.pipelines._release_action import ReleaseAction
from pythonbase.pipelines._roles import PipelineRoles
from pythonbase.pipelines.artifact_bucket import ArtifactBucket
from pythonbase.pipelines.bitbucket_source import CONNECTION_TAG, BitbucketSource
from pythonbase.pipelines.pull_request_builds import PullRequestBuilds
from pythonbase.pipelines.service_build import BuildOptions, ServiceImage, registry_of, service_build
from pythonbase.releases.stage import ReleaseStage
from pythonbase.services.web_service import CONTAINER_NAME, WebService
from pythonbase_buildspecs import SourcePolicy, service_image_buildspec

_OWN_NAMES = ("Source", "Build", "Pipeline")
"""Names that environments cannot use: stages of every pipeline, and a role beside those named after stages."""


class AppPipeline(Construct):
    """A pipeline that builds each push to a branch, or of a tag, once and releases the digest to its environments.

    Creates a CodePipeline (V2) with the stages Source (Bitbucket), Build (CodeBuild: image to ECR), and a stage for
    each environment (``Deploy`` for a service without environments), which runs the service's ``ReleaseMachine``:
    deploy by digest, verify what runs, record. A digest that fails in one environment does not reach the next. An
    environment with approval has the stage ``Approve<Environment>`` before it. The service's ECR repository and SSM
    parameters come from its ``ReleaseState``.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service: The service to release to, if it has no environments. Default: the stages say where to release.
        stages: The environments to release to, in their order. Default: none, the service has no environments.
        source: The repository, and the branch, tags and paths whose pushes start the pipeline.
        base_image: The base image that the build gets as ``Account_ID`` and ``BASE_IMAGE``.
        dockerfile: Path of the Dockerfile in the service's repository. Default: ``Dockerfile``.
        context: Folder of the repository that the Dockerfile copies from. Default: ``.``, the repository's root.
        test_command: Shell command that tests the image before it is pushed, without network and credentials; JUnit
            files that it writes to ``/reports`` appear in CodeBuild. Default: no tests.
        source_policy: Which images of Docker Hub become the base image in builds, and what happens to the others.
            Default: Docker Official Images come from ECR Public's mirror, others are refused.
        build_options: Build arguments, target, time limit and host of the builds, also of pull requests. Default:
            ``BuildOptions()``.
        pull_through_cache_prefix: Prefix of the ECR pull-through cache rule for Docker Hub in this account and Region,
            if the policy uses one. Default: ``docker-hub``.
        queue_pushes: Whether every push is released, one after the other. Default: a push replaces those that wait
            for the same stage. In both cases, a stage processes one push at a time.
        artifact_buckets: For each other Region with an environment, a bucket there in this account; CodePipeline
            requires one although the release has no artifacts. Default: none, all environments are in the pipeline's
            Region.

    Raises:
        ValueError: if the path of the Dockerfile or the context is malformed, if both or neither of ``service`` and
            ``stages`` are given, if the stages are of several services, or if names of stages are the same.

    Example::

        AppPipeline(
            self, "Pipeline", service=service, base_image=base,
            source=BitbucketSource(connection_arn=connection, repository="acme/orders"),
        )
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: WebService | None = None,
        stages: Sequence[ReleaseStage] = (),
        source: BitbucketSource,
        base_image: IBaseImage,
        dockerfile: str = "Dockerfile",
        context: str = ".",
        test_command: str | None = None,
        source_policy: SourcePolicy | None = None,
        build_options: BuildOptions | None = None,
        pull_through_cache_prefix: str = "docker-hub",
        queue_pushes: bool = False,
        artifact_buckets: Mapping[str, s3.IBucket] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        stages = _stages(service, stages)
        deployed_here = [service] if service else []
        self._names = stages[0].names
        self.artifacts = ArtifactBucket(self, "Artifacts")
        self._source = source
        self._image = ServiceImage(
            base_image=base_image,
            dockerfile=dockerfile,
            context=context,
            test_command=test_command,
            source_policy=source_policy or SourcePolicy(),
            pull_through_cache_prefix=pull_through_cache_prefix,
            options=build_options or BuildOptions(),
        )
        self.build: ImageProject = self._build(self._image)
        roles = PipelineRoles(
            self,
            "Roles",
            artifacts=self.artifacts,
            connection_arn=source.connection_arn,
            project=self.build.project,
            stages=stages,
        )

        source_code = codepipeline.Artifact("Source")
        image_definitions = codepipeline.Artifact("Image")
        source_action = source.action(
            source_code, role=roles.source.without_policy_updates(), history=source.only_on_branch
        )
        execution = codepipeline.GlobalVariables.EXECUTION_ID
        build_action = actions.CodeBuildAction(
            action_name="Image",
            project=self.build.project,
            input=source_code,
            role=roles.build.without_policy_updates(),
            outputs=[image_definitions],
            environment_variables={
                "COMMIT_ID": codebuild.BuildEnvironmentVariable(value=source_action.variables.commit_id),
                "PIPELINE_EXECUTION_ID": codebuild.BuildEnvironmentVariable(value=execution),
            },
            variables_namespace="Build",
        )
        self.pipeline: codepipeline.Pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_name=self._names.pipeline_name,
            pipeline_type=codepipeline.PipelineType.V2,
            execution_mode=(
                codepipeline.ExecutionMode.QUEUED if queue_pushes else codepipeline.ExecutionMode.SUPERSEDED
            ),
            **(
                {
                    "cross_region_replication_buckets": {
                        Stack.of(self).region: self.artifacts.bucket,
                        **artifact_buckets,
                    }
                }
                if artifact_buckets
                else {"artifact_bucket": self.artifacts.bucket}
            ),
            role=roles.pipeline.without_policy_updates(),
            stages=[
                codepipeline.StageProps(stage_name="Source", actions=[source_action]),
                codepipeline.StageProps(stage_name="Build", actions=[build_action]),
            ],
            triggers=[source.on_push(source_action)],
        )
        release = {
            "image": build_action.variable("IMAGE_URI"),
            "baseImage": build_action.variable("BASE_IMAGE_URI"),
            "commit": source_action.variables.commit_id,
            "by": build_action.variable("COMMIT_AUTHOR"),
            "why": f"pipeline execution {execution}",
        }
        for stage in stages:
            self._add_release(stage, release, roles)
        Tags.of(self.pipeline).add(CONNECTION_TAG, source.connection_arn)
        # The pipeline starts as soon as it exists: its roles must have their permissions by then, and the service that
        # it releases to must exist: https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-about-starting.html
        self.pipeline.node.add_dependency(roles, self.build, *deployed_here)

    def _add_release(self, stage: ReleaseStage, release: Mapping[str, str], roles: PipelineRoles) -> None:
        if stage.approval:
            # A separate stage: the release's stage can then be retried and rolled back without a new approval.
            self.pipeline.add_stage(
                stage_name=stage.approval_name,
                actions=[
                    actions.ManualApprovalAction(
                        action_name="Approval",
                        # Without a role, the CDK library would create one that nothing needs; it is removed below.
                        role=roles.pipeline.without_policy_updates(),
                        additional_information=f"Commit {release['commit']} by {release['by']} to "
                        f"{stage.names.deployed_name}: {release['image']}",
                        timeout=stage.approval_timeout,
                    )
                ],
            )
            self._cfn_pipeline.add_property_deletion_override(
                f"Stages.{self.pipeline.stage_count - 1}.Actions.0.RoleArn"
            )
        here = stage.account is None and stage.region is None
        # Only here can the release ask for the type of its pipeline execution: see the step Stage of release_steps.
        execution = {
            "pipeline": self._names.pipeline_name,
            "stage": stage.stage_name,
            "pipelineExecution": codepipeline.GlobalVariables.EXECUTION_ID,
        }
        self.pipeline.add_stage(
            stage_name=stage.stage_name,
            actions=[
                ReleaseAction(
                    state_machine_arn=stage.state_machine_arn(self),
                    state_machine_input={**release, **(execution if here else {})},
                    region=stage.region,
                    role=roles.release(stage),
                )
            ],
            on_failure=codepipeline.FailureConditions(result=codepipeline.Result.ROLLBACK) if here else None,
        )
        if stage.account:
            # The CDK library requires a KMS key for artifacts if an action has a role in another account; this action
            # reads none.
            self._cfn_pipeline.add_property_override(
                f"Stages.{self.pipeline.stage_count - 1}.Actions.0.RoleArn", stage.starter_role_arn(self)
            )

    @property
    def _cfn_pipeline(self) -> codepipeline.CfnPipeline:
        return cast(codepipeline.CfnPipeline, self.pipeline.node.default_child)

    def add_pull_request_builds(self) -> PullRequestBuilds:
        """Build and test pull requests into the branch too, in a pipeline that can neither push nor deploy."""
        return PullRequestBuilds(
            self, "PullRequests", service_name=self._names.service_name, source=self._source, image=self._image
        )

    def _build(self, image: ServiceImage) -> ImageProject:
        repository = self._names.repository_name
        build = service_build(
            self,
            "Build",
            image=image,
            buildspec=service_image_buildspec(
                container_name=CONTAINER_NAME,
                dockerfile=image.dockerfile,
                context=image.context,
                tests=image.test_command is not None,
                source_policy=image.source_policy,
                only_on_branch=self._source.only_on_branch,
            ),
            description=f"Builds the image of {self._names.service_name}",
            environment={
                "PIPELINE_NAME": self._names.pipeline_name,
                "REPOSITORY_NAME": repository,
                "REPOSITORY_URI": f"{registry_of(self)}/{repository}",
                **({"SOURCE_BRANCH": self._source.branch} if self._source.only_on_branch else {}),
            },
        )
        if self._source.only_on_branch:
            build.role.add_to_policy(use_connection(self._source.connection_arn))
        build.role.add_to_policy(
            iam.PolicyStatement(
                actions=[*PULL_ACTIONS, *PUSH_ACTIONS],
                resources=[self._names.repository(self, "Repository").repository_arn],
            )
        )
        # To read the author of the commit.
        build.role.add_to_policy(
            iam.PolicyStatement(
                actions=["codepipeline:ListActionExecutions"], resources=[self._names.pipeline_arn(self)]
            )
        )
        self.artifacts.grant_read_write_artifacts(build.role)
        build.role.add_to_policy(see_bucket(self.artifacts.bucket))
        return build


def _stages(service: WebService | None, stages: Sequence[ReleaseStage]) -> Sequence[ReleaseStage]:
    if (service is None) == (not stages):
        raise ValueError("either a service or stages must be given")
    if service is not None:
        return [ReleaseStage(service.names)]
    services = sorted({stage.names.service_name for stage in stages})
    if len(services) > 1:
        raise ValueError(f"the stages must be of one service, got {', '.join(services)}")
    names = [*_OWN_NAMES, *(name for stage in stages for name in stage.stage_names)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"the names of stages must differ, also from {', '.join(_OWN_NAMES)}: {', '.join(repeated)}")
    return stages

"""From a push to Bitbucket to a running container."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.artifact_bucket import ArtifactBucket
from pythonbase.base_image_reference import IBaseImage
from pythonbase.bitbucket_source import BitbucketSource
from pythonbase.image_project import ImageProject
from pythonbase.image_repository import PULL_ACTIONS, PUSH_ACTIONS
from pythonbase.pipeline_roles import PipelineRoles
from pythonbase.pull_request_builds import PullRequestBuilds
from pythonbase.release_record import ReleaseRecord
from pythonbase.service_build import ServiceImage, registry_of, service_build
from pythonbase.web_service import CONTAINER_NAME, WebService
from pythonbase_buildspecs import SourcePolicy, service_image_buildspec


class AppPipeline(Construct):
    """A pipeline that builds each push to a branch, or of a tag, and releases it to a service.

    Creates a CodePipeline (V2) with the stages Source (Bitbucket), Build (CodeBuild: image to ECR), Deploy (ECS) and
    Record (the released image to SSM, only after ECS reports the deployment as steady). The service's ECR repository
    and SSM parameters come from its ``ReleaseState``.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service: The service to release to.
        source: The branch to follow, and the tags and paths.
        base_image: The base image that the build gets as ``Account_ID`` and ``BASE_IMAGE``.
        dockerfile: Path of the Dockerfile in the service's repository.
        context: Folder of the repository that the Dockerfile copies from. Default: the repository's root.
        test_command: Shell command that tests the image before it is pushed, without network and credentials; JUnit
            files that it writes to ``/reports`` appear in CodeBuild. Default: nothing is tested.
        source_policy: Which images of Docker Hub become the base image in builds, and what happens to the others.
            Default: all are refused.
        pull_through_cache_prefix: Prefix of the ECR pull-through cache rule for Docker Hub in this account and Region,
            where the policy mirrors to one. Default: ``docker-hub``.
        deployment_timeout: How long the Deploy stage waits for a steady service. Default: 20 minutes.

    Raises:
        ValueError: if the path of the Dockerfile or the context is malformed.

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
        service: WebService,
        source: BitbucketSource,
        base_image: IBaseImage,
        dockerfile: str = "Dockerfile",
        context: str = ".",
        test_command: str | None = None,
        source_policy: SourcePolicy | None = None,
        pull_through_cache_prefix: str = "docker-hub",
        deployment_timeout: Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._names = service.names
        self.artifacts = ArtifactBucket(self, "Artifacts")
        self._source = source
        self._image = ServiceImage(
            base_image=base_image,
            dockerfile=dockerfile,
            context=context,
            test_command=test_command,
            source_policy=source_policy or SourcePolicy(),
            pull_through_cache_prefix=pull_through_cache_prefix,
        )
        self.build: ImageProject = self._build(self._image)
        self.record = ReleaseRecord(self, "Record", names=self._names)
        roles = PipelineRoles(
            self,
            "Roles",
            artifacts=self.artifacts,
            connection_arn=source.connection_arn,
            project=self.build.project,
            service=service,
            record=self.record,
        )

        source_code = codepipeline.Artifact("Source")
        image_definitions = codepipeline.Artifact("Image")
        source_action = actions.CodeStarConnectionsSourceAction(
            action_name="Bitbucket",
            connection_arn=source.connection_arn,
            owner=source.workspace,
            repo=source.name,
            branch=source.branch,
            output=source_code,
            # The trigger below starts the pipeline; with both, every push would start it twice.
            trigger_on_push=False,
            variables_namespace="Source",
            role=roles.source.without_policy_updates(),
        )
        build_action = actions.CodeBuildAction(
            action_name="Image",
            project=self.build.project,
            input=source_code,
            role=roles.build.without_policy_updates(),
            outputs=[image_definitions],
            environment_variables={
                "COMMIT_ID": codebuild.BuildEnvironmentVariable(value=source_action.variables.commit_id)
            },
            variables_namespace="Build",
        )
        self.pipeline: codepipeline.Pipeline = codepipeline.Pipeline(
            self,
            "Pipeline",
            pipeline_name=self._names.service_name,
            pipeline_type=codepipeline.PipelineType.V2,
            artifact_bucket=self.artifacts.bucket,
            role=roles.pipeline.without_policy_updates(),
            stages=[
                codepipeline.StageProps(stage_name="Source", actions=[source_action]),
                codepipeline.StageProps(stage_name="Build", actions=[build_action]),
            ],
            triggers=[source.on_push(source_action)],
        )
        self.pipeline.add_stage(
            stage_name="Deploy",
            actions=[
                actions.EcsDeployAction(
                    action_name="Service",
                    service=service.service,
                    input=image_definitions,
                    deployment_timeout=deployment_timeout or Duration.minutes(20),
                    role=roles.deploy.without_policy_updates(),
                )
            ],
        )
        self.pipeline.add_stage(
            stage_name="Record",
            actions=[
                actions.StepFunctionInvokeAction(
                    action_name="Release",
                    state_machine=self.record.state_machine,
                    state_machine_input=actions.StateMachineInput.literal(
                        {
                            "image": build_action.variable("IMAGE_URI"),
                            "baseImage": build_action.variable("BASE_IMAGE_URI"),
                        }
                    ),
                    role=roles.record.without_policy_updates(),
                )
            ],
        )
        # The pipeline starts as soon as it exists: its roles must have their permissions by then.
        self.pipeline.node.add_dependency(roles, self.build)

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
            ),
            description=f"Builds the image of {self._names.service_name}",
            environment={
                "REPOSITORY_NAME": repository,
                "REPOSITORY_URI": f"{registry_of(self)}/{repository}",
            },
        )
        build.role.add_to_policy(
            iam.PolicyStatement(
                actions=[*PULL_ACTIONS, *PUSH_ACTIONS],
                resources=[self._names.repository(self, "Repository").repository_arn],
            )
        )
        self.artifacts.grant_read_write_artifacts(build.role)
        return build

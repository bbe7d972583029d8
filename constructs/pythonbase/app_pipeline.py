"""From a push to Bitbucket to a running container."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase._acknowledge import acknowledge, wildcard_resource
from pythonbase.artifact_bucket import ArtifactBucket
from pythonbase.base_image_reference import MOVING_TAG, IBaseImage, grant_registry_login
from pythonbase.image_project import ImageProject
from pythonbase.image_repository import PULL_ACTIONS, PULL_THROUGH_ACTIONS, PUSH_ACTIONS
from pythonbase.pipeline_roles import PipelineRoles
from pythonbase.release_record import ReleaseRecord
from pythonbase.web_service import CONTAINER_NAME, WebService
from pythonbase_buildspecs import SourcePolicy, service_image_buildspec


@dataclass(frozen=True)
class BitbucketSource:
    """A branch of a Bitbucket repository.

    Args:
        connection_arn: ARN of a CodeConnections connection to Bitbucket.
        repository: Workspace and repository, such as ``acme/orders``.
        branch: The branch whose pushes are released.

    Raises:
        ValueError: if the repository is not ``workspace/repository``.
    """

    connection_arn: str
    repository: str
    branch: str = "main"

    def __post_init__(self) -> None:
        workspace, _, name = self.repository.partition("/")
        if not workspace or not name or "/" in name:
            raise ValueError(f"repository must be workspace/repository, got {self.repository!r}")

    @property
    def workspace(self) -> str:
        """The part before the slash."""
        return self.repository.partition("/")[0]

    @property
    def name(self) -> str:
        """The part after the slash."""
        return self.repository.partition("/")[2]


class AppPipeline(Construct):
    """A pipeline that builds each push to a branch and releases it to a service.

    Creates a CodePipeline (V2) with the stages Source (Bitbucket), Build (CodeBuild: image to ECR), Deploy (ECS) and
    Record (the released image to SSM, only after ECS reports the deployment as steady). The service's ECR repository
    and SSM parameters come from its ``ReleaseState``.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service: The service to release to.
        source: The branch to follow.
        base_image: The base image that the build gets as ``Account_ID`` and ``BASE_IMAGE``.
        dockerfile: Path of the Dockerfile in the service's repository.
        source_policy: Which images of Docker Hub become the base image in builds, and what happens to the others.
            Default: all are refused.
        pull_through_cache_prefix: Prefix of the ECR pull-through cache rule for Docker Hub in this account and Region,
            where the policy mirrors to one. Default: ``docker-hub``.
        deployment_timeout: How long the Deploy stage waits for a steady service. Default: 20 minutes.

    Raises:
        ValueError: if the Dockerfile's path is malformed.

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
        source_policy: SourcePolicy | None = None,
        pull_through_cache_prefix: str = "docker-hub",
        deployment_timeout: Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._names = service.names
        self.artifacts = ArtifactBucket(self, "Artifacts")
        self.build: ImageProject = self._build(
            base_image, dockerfile, source_policy or SourcePolicy(), pull_through_cache_prefix
        )
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
            triggers=[
                codepipeline.TriggerProps(
                    provider_type=codepipeline.ProviderType.CODE_STAR_SOURCE_CONNECTION,
                    git_configuration=codepipeline.GitConfiguration(
                        source_action=source_action,
                        push_filter=[codepipeline.GitPushFilter(branches_includes=[source.branch])],
                    ),
                )
            ],
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
        self.pipeline.node.add_dependency(roles, self.build.role)

    def _build(
        self, base_image: IBaseImage, dockerfile: str, source_policy: SourcePolicy, cache_prefix: str
    ) -> ImageProject:
        stack = Stack.of(self)
        registry = f"{stack.account}.dkr.ecr.{stack.region}.{Aws.URL_SUFFIX}"
        cached = source_policy.uses_pull_through_cache
        mirrors = {"PULL_THROUGH_CACHE": f"{registry}/{cache_prefix}"} if cached else {}
        build = ImageProject(
            self,
            "Build",
            buildspec=service_image_buildspec(
                container_name=CONTAINER_NAME, dockerfile=dockerfile, source_policy=source_policy
            ),
            description=f"Builds the image of {self._names.service_name}",
            environment={
                "AWS_ACCOUNT_ID": base_image.account,
                "BASE_REPOSITORY_URI": base_image.repository_uri,
                "BASE_TAG": MOVING_TAG,
                "REPOSITORY_NAME": self._names.repository_name,
                "REPOSITORY_URI": f"{registry}/{self._names.repository_name}",
                **mirrors,
            },
        )
        # Dockerfiles may name ECR Public whatever the policy says of Docker Hub.
        grant_registry_login(build.role, ecr_public=True)
        base_image.grant_pull(build.role)
        build.role.add_to_policy(
            iam.PolicyStatement(
                actions=[*PULL_ACTIONS, *PUSH_ACTIONS],
                resources=[self._names.repository(self, "Repository").repository_arn],
            )
        )
        if cached:
            self._grant_pull_through(build.role, cache_prefix)
        self.artifacts.grant_read_write_artifacts(build.role)
        return build

    def _grant_pull_through(self, role: iam.Role, cache_prefix: str) -> None:
        cached = Stack.of(self).format_arn(service="ecr", resource="repository", resource_name=f"{cache_prefix}/*")
        role.add_to_policy(iam.PolicyStatement(actions=[*PULL_ACTIONS, *PULL_THROUGH_ACTIONS], resources=[cached]))
        acknowledge(
            role,
            {
                wildcard_resource(role, cached): (
                    "the cache makes a repository for each image at its first pull; all are below this prefix"
                )
            },
        )

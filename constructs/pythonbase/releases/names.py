"""The names that a service's stacks, its pipeline and people agree on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_ecr as ecr
from constructs import Construct

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

RELEASE_MACHINE_SUFFIX = "-release"
"""End of the names of state machines that release."""

RECORD_TAG = "pythonbase:record"
"""Tag of an ECS service: the SSM parameter that records its released image."""

CLUSTER_TAG = "pythonbase:cluster"
"""Tag of a state machine that releases: the ECS cluster of its service, whose reconciler may start it."""

RING_SIZE = 128
"""How many tags keep released images from expiring; more than the 100 versions that SSM keeps of a parameter:
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html"""


@dataclass(frozen=True)
class ReleaseNames:
    """The physical names that belong to a service's releases.

    They are fixed, so that stacks find each other's resources without references that would lock them together.

    Args:
        service_name: Name of the service: lower case letters, digits and single hyphens.
        environment_name: Name of the environment, in the same form. Default: the service has no environments.

    Raises:
        ValueError: if a name has another form.
    """

    service_name: str
    environment_name: str | None = None

    def __post_init__(self) -> None:
        for kind, name in (("service_name", self.service_name), ("environment_name", self.environment_name)):
            if name is not None and not _NAME.fullmatch(name):
                raise ValueError(f"{kind} must be lower case words joined by hyphens, got {name!r}")

    @property
    def deployed_name(self) -> str:
        """Name of the ECS service and of the family of its task definition."""
        return f"{self.service_name}-{self.environment_name}" if self.environment_name else self.service_name

    @property
    def repository_name(self) -> str:
        """Name of the ECR repository: one for all environments, which run the same digests."""
        return self.service_name

    @property
    def pipeline_name(self) -> str:
        """Name of the pipeline: one for all environments."""
        return self.service_name

    @property
    def state_machine_name(self) -> str:
        """Name of the state machine that releases to this environment."""
        return f"{self.deployed_name}{RELEASE_MACHINE_SUFFIX}"

    @property
    def pipeline_role_name(self) -> str:
        """Name of the pipeline's role, where other accounts must know it."""
        return f"{self.service_name}-pipeline"

    @property
    def starter_role_name(self) -> str:
        """Name of the role with which a pipeline of another account releases to this environment."""
        return f"{self.deployed_name}-starter"

    @property
    def release_role_name(self) -> str:
        """Name of the role that releases to this environment, where another account's repository must know it."""
        return self.state_machine_name

    @property
    def image_parameter(self) -> str:
        """Name of the SSM parameter that holds the image which runs, by digest once there is a release."""
        return self._parameter("image")

    @property
    def base_image_parameter(self) -> str:
        """Name of the SSM parameter that holds the base image which the release was built on."""
        return self._parameter("base-image")

    @property
    def release_parameter(self) -> str:
        """Name of the SSM parameter that describes the release, in JSON: image, base image, commit, by whom, why."""
        return self._parameter("release")

    @property
    def ring_tag_prefix(self) -> str:
        """Start of the tags that keep this environment's released images, such as ``release-staging-``."""
        return f"release-{self.environment_name}-" if self.environment_name else "release-"

    def _parameter(self, name: str) -> str:
        environment = f"/{self.environment_name}" if self.environment_name else ""
        return f"/pythonbase/services/{self.service_name}{environment}/{name}"

    def parameter_arn(self, scope: Construct, parameter_name: str) -> str:
        """ARN of one of the parameters, in the account and Region of the scope's stack."""
        return Stack.of(scope).format_arn(service="ssm", resource="parameter", resource_name=parameter_name.lstrip("/"))

    def state_machine_arn(self, scope: Construct, *, account: str | None = None, region: str | None = None) -> str:
        """ARN of the state machine that releases to this environment.

        Args:
            scope: A construct of the stack that uses the ARN.
            account: AWS account of the environment. Default: the stack's.
            region: Region of the environment. Default: the stack's.
        """
        return _states_arn(scope, "stateMachine", self.state_machine_name, account, region)

    def execution_arns(self, scope: Construct, *, account: str | None = None, region: str | None = None) -> str:
        """ARN of every execution of that state machine.

        Args:
            scope: A construct of the stack that uses the ARN.
            account: AWS account of the environment. Default: the stack's.
            region: Region of the environment. Default: the stack's.
        """
        return _states_arn(scope, "execution", f"{self.state_machine_name}:*", account, region)

    def pipeline_arn(self, scope: Construct) -> str:
        """ARN of the pipeline, in the account and Region of the scope's stack."""
        return Stack.of(scope).format_arn(
            service="codepipeline", resource=self.pipeline_name, arn_format=ArnFormat.NO_RESOURCE_NAME
        )

    def repository_arn(self, scope: Construct, *, account: str | None = None, region: str | None = None) -> str:
        """ARN of the repository.

        Args:
            scope: A construct of the stack that uses the ARN.
            account: AWS account of the repository. Default: the stack's.
            region: Region of the repository. Default: the stack's.
        """
        return Stack.of(scope).format_arn(
            service="ecr", account=account, region=region, resource="repository", resource_name=self.repository_name
        )

    def repository(self, scope: Construct, construct_id: str) -> ecr.IRepository:
        """The repository, seen from a stack that does not own it."""
        return ecr.Repository.from_repository_name(scope, construct_id, self.repository_name)


def _states_arn(scope: Construct, resource: str, name: str, account: str | None, region: str | None) -> str:
    return Stack.of(scope).format_arn(
        service="states",
        account=account,
        region=region,
        resource=resource,
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )

"""What a service has released: names that its stacks, its pipeline and people agree on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Arn, ArnComponents, ArnFormat, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.base_image_reference import IBaseImage
from pythonbase.image_repository import PULL_ACTIONS, RELEASE_TAGS, image_repository
from pythonbase.parameters_put_once import ParametersPutOnce

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
        return Arn.format(
            ArnComponents(service="ssm", resource="parameter", resource_name=parameter_name.lstrip("/")),
            Stack.of(scope),
        )

    def state_machine_arn(self, *, account: str, region: str, partition: str) -> str:
        """ARN of the state machine that releases to this environment."""
        return f"arn:{partition}:states:{region}:{account}:stateMachine:{self.state_machine_name}"

    def execution_arns(self, *, account: str, region: str, partition: str) -> str:
        """ARN of every execution of that state machine."""
        return f"arn:{partition}:states:{region}:{account}:execution:{self.state_machine_name}:*"

    def pipeline_arn(self, scope: Construct) -> str:
        """ARN of the pipeline, in the account and Region of the scope's stack."""
        return Arn.format(
            ArnComponents(service="codepipeline", resource=self.pipeline_name, arn_format=ArnFormat.NO_RESOURCE_NAME),
            Stack.of(scope),
        )

    def repository(self, scope: Construct, construct_id: str) -> ecr.IRepository:
        """The repository, seen from a stack that does not own it."""
        return ecr.Repository.from_repository_name(scope, construct_id, self.repository_name)


class ReleaseRepository(Construct):
    """The ECR repository of a service: its images, for all of its environments.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service_name: Name of the service.
        pull_accounts: Other AWS accounts whose environments run the images. They may pull.
        released_from: Environments in other accounts, with their accounts. The role that releases there, and no other
            of the account, may tag what it released: the tag of a commit decides what production gets.

    Raises:
        ValueError: if the service name is not lower case words joined by hyphens.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service_name: str,
        pull_accounts: Sequence[str] = (),
        released_from: Sequence[tuple[str, ReleaseNames]] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.names = ReleaseNames(service_name)
        self.repository: ecr.Repository = image_repository(
            self,
            "Repository",
            repository_name=self.names.repository_name,
            # The release state machine moves these; all other tags stay on their image.
            moving_tags=(RELEASE_TAGS,),
        )
        if pull_accounts:
            self.repository.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.AccountPrincipal(account) for account in pull_accounts],
                    actions=[*PULL_ACTIONS],
                )
            )
        for account, names in released_from:
            # ECR has no condition for the tag itself:
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
            role = f"arn:{Stack.of(self).partition}:iam::{account}:role/{names.release_role_name}"
            self.repository.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.AccountPrincipal(account)],
                    actions=["ecr:PutImage"],
                    conditions={"ArnEquals": {"aws:PrincipalArn": role}},
                )
            )


class ReleaseParameters(Construct):
    """The record of what an environment of a service has released.

    Three SSM parameters, which start with the base image and are then written by the release state machine. A
    deployment creates them where they are absent and never writes over what is there (``ParametersPutOnce``).

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        names: Which service and environment.
        base_image: What runs until the first release.
    """

    def __init__(self, scope: Construct, construct_id: str, *, names: ReleaseNames, base_image: IBaseImage) -> None:
        super().__init__(scope, construct_id)
        _add_record(self, names, base_image)


class ReleaseState(ReleaseRepository):
    """What must outlive the stacks of a service without environments: its images, and the record of its releases.

    ``ReleaseRepository`` and ``ReleaseParameters`` in one. Give it a stack of its own, deployed before the stack with
    ``WebService``: so the service can be replaced without them, and starts on what is released.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service_name: Name of the service.
        base_image: What runs until the first release.

    Raises:
        ValueError: if the service name is not lower case words joined by hyphens.
    """

    def __init__(self, scope: Construct, construct_id: str, *, service_name: str, base_image: IBaseImage) -> None:
        super().__init__(scope, construct_id, service_name=service_name)
        _add_record(self, self.names, base_image)


def _add_record(scope: Construct, names: ReleaseNames, base_image: IBaseImage) -> None:
    first = f'{{"image":"{base_image.uri}","why":"before the first release"}}'
    ParametersPutOnce(
        scope,
        "Record",
        values={
            names.image_parameter: base_image.uri,
            names.base_image_parameter: base_image.uri,
            names.release_parameter: first,
        },
        description=f"What {names.deployed_name} runs; written by {names.state_machine_name}",
    )

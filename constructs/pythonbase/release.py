"""What a service has released: names that its stacks, its pipeline and people agree on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import Arn, ArnComponents, RemovalPolicy, Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from pythonbase.base_image_reference import IBaseImage
from pythonbase.image_repository import RELEASE_TAGS, image_repository

_SERVICE_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


@dataclass(frozen=True)
class ReleaseNames:
    """The physical names that belong to a service's releases.

    They are fixed, so that stacks find each other's resources without references that would lock them together.

    Args:
        service_name: Name of the service: lower case letters, digits and single hyphens.

    Raises:
        ValueError: if the name has another form.
    """

    service_name: str

    def __post_init__(self) -> None:
        if not _SERVICE_NAME.fullmatch(self.service_name):
            raise ValueError(f"service_name must be lower case words joined by hyphens, got {self.service_name!r}")

    @property
    def repository_name(self) -> str:
        """Name of the ECR repository."""
        return self.service_name

    @property
    def image_parameter(self) -> str:
        """Name of the SSM parameter that holds the image which runs, by digest once there is a release."""
        return f"/pythonbase/services/{self.service_name}/image"

    @property
    def base_image_parameter(self) -> str:
        """Name of the SSM parameter that holds the base image which the release was built on."""
        return f"/pythonbase/services/{self.service_name}/base-image"

    def parameter_arn(self, scope: Construct, parameter_name: str) -> str:
        """ARN of one of the parameters, in the account and Region of the scope's stack."""
        return Arn.format(
            ArnComponents(service="ssm", resource="parameter", resource_name=parameter_name.lstrip("/")),
            Stack.of(scope),
        )

    def repository(self, scope: Construct, construct_id: str) -> ecr.IRepository:
        """The repository, seen from a stack that does not own it."""
        return ecr.Repository.from_repository_name(scope, construct_id, self.repository_name)


class ReleaseState(Construct):
    """What must outlive a service's stacks: its images, and the record of what is released.

    Creates the ECR repository and two SSM parameters. Give it a stack of its own, deployed before the stack with
    ``WebService``: so the service can be replaced without them, and starts on what is released.

    The parameters start with the base image and are then written by the pipeline. Their value in the template must
    never change, or CloudFormation would overwrite what the pipeline wrote: it names the base image's moving tag.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service_name: Name of the service.
        base_image: What runs until the first release.

    Raises:
        ValueError: if the service name is not lower case words joined by hyphens.
    """

    def __init__(self, scope: Construct, construct_id: str, *, service_name: str, base_image: IBaseImage) -> None:
        super().__init__(scope, construct_id)
        self.names = ReleaseNames(service_name)
        self.repository: ecr.Repository = image_repository(
            self, "Repository", repository_name=self.names.repository_name, moving_tags=(RELEASE_TAGS,)
        )
        self.image_parameter = self._parameter("Image", self.names.image_parameter, base_image, "The image that runs")
        self.base_image_parameter = self._parameter(
            "BaseImage", self.names.base_image_parameter, base_image, "The base image of the release that runs"
        )

    def _parameter(self, construct_id: str, name: str, base_image: IBaseImage, description: str) -> ssm.StringParameter:
        parameter = ssm.StringParameter(
            self,
            construct_id,
            parameter_name=name,
            string_value=base_image.uri,
            description=f"{description}; written by the pipeline of {self.names.service_name}",
        )
        # Not when its creation is rolled back: its name would be taken at the next attempt.
        parameter.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        return parameter

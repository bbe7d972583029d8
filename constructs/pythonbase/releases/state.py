"""What a service has released: its images, and the record of its releases."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.images.reference import IBaseImage
from pythonbase.images.repository import PULL_ACTIONS, RELEASE_TAGS, image_repository
from pythonbase.permissions.trust import role_arn
from pythonbase.releases.names import ReleaseNames
from pythonbase.releases.parameters_put_once import ParametersPutOnce


class ReleaseRepository(Construct):
    """The ECR repository of a service: its images, for all of its environments.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        service_name: Name of the service.
        pull_accounts: Other AWS accounts whose environments run the images. They may pull. Default: none.
        released_from: Environments in other accounts, with their accounts. The role that releases there, and no other
            of the account, may tag what it released: the tag of a commit decides what production gets. Default: none.

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
            role = role_arn(self, names.release_role_name, account=account)
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

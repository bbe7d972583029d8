"""A base image that another stack owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from aws_cdk import Aws, Token
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from pythonbase.images.repository import PULL_ACTIONS, repository_arn
from pythonbase.permissions.acknowledge import acknowledge

MOVING_TAG = "latest"
"""The tag that services follow, so that ``FROM <registry>/pythonbase`` without a tag means the newest base image."""

_ACCOUNT_ID_LENGTH = 12


class IBaseImage(Protocol):
    """The interface of a base image for pipelines and services."""

    @property
    def account(self) -> str:
        """The AWS account that owns the repository."""
        ...

    @property
    def repository_uri(self) -> str:
        """URI of the repository, without a tag."""
        ...

    @property
    def uri(self) -> str:
        """Reference of the newest image: the repository with the moving tag."""
        ...

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow pulling the image."""
        ...


@dataclass(frozen=True)
class BaseImageReference:
    """A base image identified by its registry, without any reference between stacks.

    Args:
        account: The AWS account that owns the repository.
        region: The region of the repository.
        name: Name of the ECR repository, such as ``pythonbase``.

    Raises:
        ValueError: if the account is not a 12-digit number.
    """

    account: str
    region: str
    name: str

    def __post_init__(self) -> None:
        known = not Token.is_unresolved(self.account)
        if known and not (
            self.account.isascii() and self.account.isdigit() and len(self.account) == _ACCOUNT_ID_LENGTH
        ):
            raise ValueError(f"account must be {_ACCOUNT_ID_LENGTH} digits, got {self.account!r}")

    @property
    def repository_uri(self) -> str:
        """URI of the repository, without a tag."""
        return f"{self.account}.dkr.ecr.{self.region}.{Aws.URL_SUFFIX}/{self.name}"

    @property
    def repository_arn(self) -> str:
        """ARN of the repository."""
        return repository_arn(account=self.account, region=self.region, name=self.name)

    @property
    def uri(self) -> str:
        """Reference of the newest image: the repository with the moving tag."""
        return f"{self.repository_uri}:{MOVING_TAG}"

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow pulling the image.

        If another account owns the repository, it must also list the consumer in ``BaseImage(pull_accounts=...)``.
        """
        grant_registry_login(grantee)
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=[*PULL_ACTIONS],
            resource_arns=[self.repository_arn],
        )


def grant_registry_login(grantee: iam.IGrantable, *, ecr_public: bool = False) -> iam.Grant:
    """Allow ``docker login`` to ECR; pulls and pushes also need permissions on the repository.

    Args:
        grantee: Who logs in.
        ecr_public: Whether to ECR Public too, which allows ten times as many pulls per second after a login:
            https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html. Default: no.
    """
    principal = grantee.grant_principal
    if Construct.is_construct(principal):
        acknowledge(
            cast(IConstruct, principal),
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "the actions that log in to a registry have no resource-level permissions: "
                    "https://docs.aws.amazon.com/service-authorization/latest/reference/"
                    "list_amazonelasticcontainerregistry.html"
                )
            },
        )
    if ecr_public:
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["sts:GetServiceBearerToken"],
            resource_arns=["*"],
            # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
            conditions={"StringEquals": {"sts:AWSServiceName": "ecr-public.amazonaws.com"}},
        )
    public = ["ecr-public:GetAuthorizationToken"] if ecr_public else []
    return iam.Grant.add_to_principal(
        grantee=grantee, actions=["ecr:GetAuthorizationToken", *public], resource_arns=["*"]
    )

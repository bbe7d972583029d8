"""The image that a base image is built from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager

from pythonbase.images.pull_headroom import NAMESPACE
from pythonbase.images.reference import grant_registry_login
from pythonbase.images.repository import PULL_ACTIONS, PULL_THROUGH_ACTIONS, repository_arn
from pythonbase.permissions.statements import read_secret
from pythonbase_buildspecs import ImageReference

_ECR = re.compile(
    r"(?P<account>[^/]+?)\.dkr\.ecr\.(?P<region>[^/]+?)\.(?:amazonaws\.com(?:\.cn)?|\$\{Token\[[^/]+)/(?P<name>[^:@]+)"
)
_ECR_PUBLIC = "public.ecr.aws/"


@dataclass(frozen=True)
class Upstream:
    """A reference in any registry; references to Docker Hub are in their full form.

    Args:
        reference: The reference; it may contain CDK tokens, such as the account in the name of an ECR registry.
        is_on_docker_hub: Whether Docker Hub counts its pulls.
    """

    reference: str
    is_on_docker_hub: bool

    @staticmethod
    def of(reference: str) -> Upstream:
        """Parse a reference.

        Raises:
            ValueError: if it is not an image reference.
        """
        if Token.is_unresolved(reference):
            return Upstream(reference, is_on_docker_hub=False)
        parsed = ImageReference.parse(reference)
        return Upstream(parsed.canonical if parsed.is_docker_hub else reference, parsed.is_docker_hub)

    def environment(self, credentials: secretsmanager.ISecret | None, *, patience: Duration) -> Mapping[str, str]:
        """The environment variables of the build."""
        return {
            "UPSTREAM_IMAGE": self.reference,
            "UPSTREAM_PATIENCE": str(patience.to_seconds()),
            **({"UPSTREAM_CREDENTIALS": credentials.secret_arn} if credentials else {}),
            **({"METRIC_NAMESPACE": NAMESPACE} if self.is_on_docker_hub else {}),
        }

    def allow_pull(self, role: iam.Role, credentials: secretsmanager.ISecret | None) -> None:
        """Allow logging in to ECR and to the upstream's registry, and pulling from it if it is ECR."""
        grant_registry_login(role, ecr_public=self.reference.startswith(_ECR_PUBLIC))
        if credentials:
            role.add_to_policy(read_secret(credentials))
        in_ecr = _ECR.match(self.reference)
        if in_ecr:
            # The repository may belong to a pull-through cache, whose first pull imports the image and creates it.
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=[*PULL_ACTIONS, *PULL_THROUGH_ACTIONS],
                    resources=[repository_arn(**in_ecr.groupdict())],
                )
            )

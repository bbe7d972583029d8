"""How the image of a service is built, for releases and for pull requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from constructs import Construct

from pythonbase.images.project import ImageProject
from pythonbase.images.reference import MOVING_TAG, IBaseImage, grant_registry_login
from pythonbase.images.repository import PULL_ACTIONS, PULL_THROUGH_ACTIONS
from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase_buildspecs import REPORTS, Buildspec, SourcePolicy
from pythonbase_buildspecs.build_arguments import argument_name


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How the image of a service is built.

    Args:
        args: Build arguments (``ARG``), in addition to ``BASE_IMAGE`` and ``Account_ID``. The image shows them:
            no secrets. Default: none.
        target: Stage of the Dockerfile that becomes the image. Default: the last one.
        timeout: Time after which a build is stopped. Default: an hour.
        compute_type: Size of the build host. Default: ``SMALL``, 2 vCPUs and 4 GB:
            https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html

    Raises:
        ValueError: if an argument has no name that Docker takes, is set by the build itself, or changes the builder.
    """

    args: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    timeout: Duration | None = None
    compute_type: codebuild.ComputeType = codebuild.ComputeType.SMALL

    def __post_init__(self) -> None:
        for name in self.args:
            try:
                argument_name(name)
            except ValueError as error:
                raise ValueError(f"args has a name that cannot be used, {name!r}: {error}") from None

    def variables(self) -> dict[str, str]:
        """The environment variables that give them to a build."""
        return {
            **({"BUILD_ARGS": json.dumps(dict(self.args))} if self.args else {}),
            **({"BUILD_TARGET": self.target} if self.target else {}),
        }


@dataclass(frozen=True, kw_only=True)
class ServiceImage:
    """What the image of a service is built from.

    Args:
        base_image: The base image that the build gets as ``Account_ID`` and ``BASE_IMAGE``.
        dockerfile: Path of the Dockerfile in the service's repository. Default: ``Dockerfile``.
        context: Folder of the repository that the Dockerfile copies from. Default: ``.``, the repository's root.
        test_command: Shell command that tests the image. Default: no tests.
        source_policy: Which images of Docker Hub become the base image, and what happens to the others. Default:
            Docker Official Images come from ECR Public's mirror, others are refused.
        pull_through_cache_prefix: Prefix of the account's pull-through cache rule for Docker Hub. Default:
            ``docker-hub``.
        options: How it is built. Default: ``BuildOptions()``.
    """

    base_image: IBaseImage
    dockerfile: str = "Dockerfile"
    context: str = "."
    test_command: str | None = None
    source_policy: SourcePolicy = field(default_factory=SourcePolicy)
    pull_through_cache_prefix: str = "docker-hub"
    options: BuildOptions = field(default_factory=BuildOptions)


def registry_of(scope: Construct) -> str:
    """Host name of the ECR registry of the scope's account and Region."""
    stack = Stack.of(scope)
    return f"{stack.account}.dkr.ecr.{stack.region}.{Aws.URL_SUFFIX}"


def service_build(
    scope: Construct,
    construct_id: str,
    *,
    image: ServiceImage,
    buildspec: Buildspec,
    description: str,
    environment: Mapping[str, str] | None = None,
) -> ImageProject:
    """A project that may pull what the image is built from and report its tests, and may not push.

    Args:
        scope: Parent of the project.
        construct_id: Id in the parent.
        image: What to build.
        buildspec: The buildspec for that image.
        description: Shown in the console.
        environment: Plain environment variables, in addition to those that say what to build. Default: none.
    """
    cache = f"{registry_of(scope)}/{image.pull_through_cache_prefix}"
    build = ImageProject(
        scope,
        construct_id,
        buildspec=buildspec,
        description=description,
        timeout=image.options.timeout,
        compute_type=image.options.compute_type,
        environment={
            # The account that owns the base image; Dockerfiles get it as Account_ID.
            "AWS_ACCOUNT_ID": image.base_image.account,
            "BASE_REPOSITORY_URI": image.base_image.repository_uri,
            "BASE_TAG": MOVING_TAG,
            **image.options.variables(),
            **(environment or {}),
            **({"PULL_THROUGH_CACHE": cache} if image.source_policy.uses_pull_through_cache else {}),
            # Not in the buildspec: the value of a variable needs no quoting.
            **({"TEST_COMMAND": image.test_command} if image.test_command else {}),
        },
    )
    # Dockerfiles may use images of ECR Public, whatever the policy does with Docker Hub.
    grant_registry_login(build.role, ecr_public=True)
    image.base_image.grant_pull(build.role)
    if image.source_policy.uses_pull_through_cache:
        _grant_pull_through(build.role, image.pull_through_cache_prefix)
    if image.test_command:
        build.allow_reports(REPORTS)
    return build


def _grant_pull_through(role: iam.Role, cache_prefix: str) -> None:
    cached = Stack.of(role).format_arn(service="ecr", resource="repository", resource_name=f"{cache_prefix}/*")
    role.add_to_policy(iam.PolicyStatement(actions=[*PULL_ACTIONS, *PULL_THROUGH_ACTIONS], resources=[cached]))
    acknowledge(
        role,
        {
            wildcard_resource(role, cached): (
                "the cache makes a repository for each image at its first pull; all are below this prefix"
            )
        },
    )

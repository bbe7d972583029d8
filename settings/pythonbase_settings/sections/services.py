"""The section `services`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pythonbase_settings.fields import patterns, repositories
from pythonbase_settings.fields.container_size import Count, Cpu, Memory
from pythonbase_settings.fields.load_balancer import LoadBalancer, LoadBalancerChoice
from pythonbase_settings.fields.rules import check, rule
from pythonbase_settings.fields.types import Name, Switch
from pythonbase_settings.fields.variables import Secrets, Variables
from pythonbase_settings.sections.build import Build
from pythonbase_settings.sections.deployment import Deployment
from pythonbase_settings.sections.notifications import Notifications
from pythonbase_settings.sections.section import Section, StandIn
from pythonbase_settings.sections.service_environments import ServiceEnvironment


class ExecutionMode(StrEnum):
    """What happens to a push during a release."""

    SUPERSEDED = "superseded"
    QUEUED = "queued"


class Service(Section):
    """A service: a Bitbucket repository, its pipeline, and the containers that run it."""

    name: Annotated[Name, StandIn("unnamed-service-{}")] = Field(
        description="Name of the service, its stack and its ECR repository.", examples=["orders"]
    )
    repository: Annotated[str, check(repositories.bitbucket_repository)] = Field(
        description="Bitbucket repository: `workspace/repository`.", examples=["acme/orders"]
    )
    branch: Annotated[str, check(repositories.branch)] = Field(
        default="main", description="Branch; a push to it is built and deployed.", examples=["release"]
    )
    tags: list[Annotated[str, check(patterns.tag_pattern)]] = Field(
        default=[],
        max_length=patterns.MOST_PATTERNS,
        description='Tag patterns, such as `["v*"]`: a push of a matching tag is also built and deployed, if its '
        "commit is on the branch. `paths` do not apply to tags.",
        examples=[["v*"]],
    )
    unreviewed_tags: Switch = Field(
        default=False,
        description="Also deploy tags of commits that are not on the branch; every environment must then have "
        "`approval: true`.",
    )
    paths: list[Annotated[str, check(patterns.path_pattern)]] = Field(
        default=[],
        max_length=patterns.MOST_PATTERNS,
        description='File patterns, such as `["services/orders/**"]`: a push to the branch or a pull request is '
        "built only if it changes a matching file, see [patterns](platform.md#what-starts-a-build). Default: any "
        "file.",
        examples=[["services/orders/**"]],
    )
    pull_requests: Switch = Field(
        default=False,
        description="Build and test pull requests into the branch, without permission to push the image or to "
        "deploy it, see [pull requests](pull-requests.md).",
    )
    context: Annotated[str, check(repositories.folder_in_repository)] = Field(
        default=".",
        description="Build context: the folder that the Dockerfile copies from. Default: the repository's root.",
        examples=["services/orders"],
    )
    dockerfile: Annotated[str, check(repositories.path_in_repository)] = Field(
        default="Dockerfile",
        description="Path of the Dockerfile, relative to the repository's root, also if `context` is set.",
        examples=["docker/Dockerfile"],
    )
    build: Build = Field(default=Build(), description="Build arguments, target, time limit and host of the builds.")
    test: (
        Annotated[
            str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*\S[^\x00]*$"), rule("use a shell command")
        ]
        | None
    ) = Field(
        default=None,
        description="Shell command that tests the service in its image, before the image is pushed, without network "
        "access and credentials. JUnit files that it writes to `/reports` appear in CodeBuild, see "
        "[tests](pull-requests.md#tests). Default: nothing is tested.",
        examples=["python -m pytest --junitxml=/reports/junit.xml"],
    )
    base_image: Name = Field(
        default="", description="Name of the base image. Default: the first of `base_images`.", examples=["pythonbase"]
    )
    port: Annotated[int, Field(ge=1, le=65535), rule("use a port from 1 to 65535")] = Field(
        default=8080,
        description="Port that the container listens on; passed to the container as `PORT`.",
        examples=[9000],
    )
    health_check_path: Annotated[
        str,
        Field(pattern=r"^/[A-Za-z0-9_.$/~\"'@:+&(),=!*%;?-]*$", max_length=1024),
        rule("use a path that starts with / and has no spaces, such as /health"),
    ] = Field(
        default="/",
        description="Path of the health check; it must answer 200 when the service is healthy.",
        examples=["/health"],
    )
    cpu: Cpu = Field(default=256, description="CPU units of a container; 1024 is one vCPU.", examples=[512])
    memory: Memory = Field(
        default=512,
        description="Memory of a container in MiB; must be a value that Fargate offers for this `cpu`, see "
        "[sizes](platform.md#sizes).",
        examples=[1024],
    )
    desired_count: Count = Field(default=1, description="Minimum number of containers.", examples=[2])
    max_count: Count = Field(
        default_factory=lambda data: max(data.get("desired_count", 1), 2),
        description="Maximum number of containers. Default: `desired_count`, at least 2.",
        examples=[4],
    )
    environment: Variables = Field(
        default={},
        description="Environment variables; put values in quotes. Do not put secrets here. `PORT`, "
        "`HEALTH_CHECK_PATH` and `AWS_*` are not allowed, here or in `secrets`.",
        examples=[{"LOG_LEVEL": "info"}],
    )
    secrets: Secrets = Field(
        default={},
        description="Environment variables with secret values: name or complete ARN of the Secrets Manager secret.",
        examples=[{"DB_PASSWORD": "orders/db-password"}],
    )
    load_balancer: LoadBalancerChoice = Field(
        default=LoadBalancer.PUBLIC,
        description="Who can reach the service: `public` (from the internet), `internal` (from the VPC) or `none` "
        "(it has no address).",
        examples=["internal"],
    )
    environments: list[ServiceEnvironment] = Field(
        default=[],
        description="Environments to which each build is released, in this order. Default: the service runs once.",
        examples=[[{"name": "staging"}, {"name": "production", "approval": True}]],
    )
    execution_mode: Annotated[ExecutionMode, Field(strict=False), rule("use superseded or queued")] = Field(
        default=ExecutionMode.SUPERSEDED,
        description="What happens to pushes during a release. `superseded`: the newest push waits and replaces "
        "earlier waiting pushes. `queued`: each push is released, in order.",
        examples=["queued"],
    )
    deployment: Deployment = Field(
        default=Deployment(), description="How a new version replaces the old one. Default: a rolling deployment."
    )
    notifications: Notifications | None = Field(
        default=None,
        description="Where to send the results of this service's releases; `{}` turns notifications off. Default: "
        "those of the platform.",
        examples=[{"topic": "arn:aws:sns:eu-central-1:123456789012:orders"}],
    )
    destroy: Switch = Field(
        default=False,
        description="First of [two keys](state.md#two-keys-to-destroy) to delete images, release records, logs and "
        "artifacts; the second is `-c destroy=<name>`.",
    )

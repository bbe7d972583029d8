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
from pythonbase_settings.sections.deployment import Deployment
from pythonbase_settings.sections.notifications import Notifications
from pythonbase_settings.sections.section import Section, StandIn
from pythonbase_settings.sections.service_environments import ServiceEnvironment


class ExecutionMode(StrEnum):
    """What happens to a push while another one is being released."""

    SUPERSEDED = "superseded"
    QUEUED = "queued"


class Service(Section):
    """A service: a Bitbucket repository, its pipeline, and the containers that run it."""

    name: Annotated[Name, StandIn("unnamed-service-{}")] = Field(
        description="Name of the service, its stack and its ECR repository.", examples=["orders"]
    )
    repository: Annotated[str, check(repositories.bitbucket_repository)] = Field(
        description="Bitbucket repository: workspace/repository.", examples=["acme/orders"]
    )
    branch: Annotated[str, check(repositories.branch)] = Field(
        default="main", description="Branch whose pushes are built and deployed."
    )
    tags: list[Annotated[str, check(patterns.tag_pattern)]] = Field(
        default=[],
        max_length=patterns.MOST_PATTERNS,
        description="Tags whose pushes are built and deployed too, as patterns. paths do not apply to them. A tag of "
        "a commit that is not on the branch is refused.",
        examples=[["v*"]],
    )
    unreviewed_tags: Switch = Field(
        default=False,
        description="Deploy tags of commits that are not on the branch too; every environment needs approval: true.",
    )
    paths: list[Annotated[str, check(patterns.path_pattern)]] = Field(
        default=[],
        max_length=patterns.MOST_PATTERNS,
        description="Files that a push to the branch or a pull request must change to be built, as patterns: * stays "
        "inside a folder, ** does not. Left out: any file.",
        examples=[["services/orders/**"]],
    )
    pull_requests: Switch = Field(
        default=False,
        description="Whether pull requests into the branch are built and tested, by a pipeline that can neither push "
        "the image nor deploy it.",
    )
    context: Annotated[str, check(repositories.folder_in_repository)] = Field(
        default=".",
        description="Folder that the Dockerfile copies from. Left out: the repository's root.",
        examples=["services/orders"],
    )
    dockerfile: Annotated[str, check(repositories.path_in_repository)] = Field(
        default="Dockerfile", description="Path of the Dockerfile inside the repository, also with a context."
    )
    test: (
        Annotated[
            str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*\S[^\x00]*$"), rule("use a shell command")
        ]
        | None
    ) = Field(
        default=None,
        description="Shell command that tests the service in its image before that is pushed, without network and "
        "credentials. JUnit files that it writes to /reports appear in CodeBuild. Left out: nothing is tested.",
        examples=["python -m pytest --junitxml=/reports/junit.xml"],
    )
    base_image: Name = Field(
        default="",
        description="Name of the base image that it is built on. Left out: the first of base_images.",
        examples=["pythonbase"],
    )
    port: Annotated[int, Field(ge=1, le=65535), rule("use a port from 1 to 65535")] = Field(
        default=8080, description="Port that the container listens on; it is told in the variable PORT."
    )
    health_check_path: Annotated[
        str,
        Field(pattern=r"^/[A-Za-z0-9_.$/~\"'@:+&(),=!*%;?-]*$", max_length=1024),
        rule("use a path that starts with / and has no spaces, such as /health"),
    ] = Field(default="/", description="Path that answers 200 when the service is healthy.")
    cpu: Cpu = Field(default=256, description="CPU units of a container; 1024 is one processor.")
    memory: Memory = Field(
        default=512,
        description="Memory of a container in MiB. Fargate offers certain values for each cpu, such as 512, "
        "1024 and 2048 for 256.",
    )
    desired_count: Count = Field(default=1, description="Containers that run at least.")
    max_count: Count = Field(
        default_factory=lambda data: max(data.get("desired_count", 1), 2),
        description="Containers that run at most under load. Left out: desired_count, but at least 2.",
        examples=[2],
    )
    environment: Variables = Field(
        default={},
        description="Environment variables of the container. Not for secrets. "
        "PORT, HEALTH_CHECK_PATH and AWS_* are set by the platform.",
        examples=[{"LOG_LEVEL": "info"}],
    )
    secrets: Secrets = Field(
        default={},
        description="Environment variables that hold a secret: the name or ARN of the secret in Secrets Manager.",
        examples=[{"DB_PASSWORD": "orders/db-password"}],
    )
    load_balancer: LoadBalancerChoice = Field(
        default=LoadBalancer.PUBLIC,
        description="Who reaches the service: public (the internet), internal (the VPC), none (it has no address).",
    )
    environments: list[ServiceEnvironment] = Field(
        default=[],
        description="Environments that each build is released to, in this order. Left out: the service runs once.",
        examples=[[{"name": "staging"}, {"name": "production", "approval": True}]],
    )
    execution_mode: Annotated[ExecutionMode, Field(strict=False), rule("use superseded or queued")] = Field(
        default=ExecutionMode.SUPERSEDED,
        description="What happens to pushes while one is being released: superseded (the newest waits and replaces "
        "those that waited before it) or queued (each is released, in order).",
    )
    deployment: Deployment = Field(
        default=Deployment(), description="How a new version replaces the old one, and what calls it off."
    )
    notifications: Notifications | None = Field(
        default=None,
        description="Where the results of this service's releases go. Left out: where those of the platform go.",
        examples=[{"topic": "arn:aws:sns:eu-central-1:123456789012:orders"}],
    )
    destroy: Switch = Field(
        default=False,
        description="First of two keys to delete the service's images, releases, logs and artifacts with their "
        "stacks; the second is -c destroy=<name>.",
    )

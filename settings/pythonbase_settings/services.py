"""The section `services`."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from pythonbase_settings import patterns, repositories
from pythonbase_settings.deployment import Deployment
from pythonbase_settings.fargate import FARGATE_MEMORY
from pythonbase_settings.field_rules import check, rule
from pythonbase_settings.field_types import AlarmName, EnvironmentsName, Name, Switch
from pythonbase_settings.notifications import Notifications
from pythonbase_settings.section import Section, StandIn
from pythonbase_settings.variables import Secrets, Variables


class LoadBalancer(StrEnum):
    """Who can reach a service."""

    PUBLIC = "public"
    INTERNAL = "internal"
    NONE = "none"


class ExecutionMode(StrEnum):
    """What happens to a push while another one is being released."""

    SUPERSEDED = "superseded"
    QUEUED = "queued"


def _fargate_cpu(value: int) -> int:
    if value not in FARGATE_MEMORY:
        raise ValueError
    return value


_Cpu = Annotated[
    int,
    Field(json_schema_extra={"enum": list(FARGATE_MEMORY)}),
    AfterValidator(_fargate_cpu),
    rule(f"use one of Fargate's sizes: {', '.join(str(cpu) for cpu in FARGATE_MEMORY)}"),
]
_Memory = Annotated[int, Field(ge=512, le=122880), rule("use MiB that Fargate offers for the cpu: 512 to 122880")]
_Count = Annotated[int, Field(ge=1, le=1000), rule("use 1 to 1000 containers")]
_LoadBalancerChoice = Annotated[LoadBalancer, Field(strict=False), rule("use public, internal or none")]


class ServiceEnvironment(Section):
    """An environment of a service: what differs there. What is left out is as the service says."""

    name: Annotated[EnvironmentsName, StandIn("unnamed-{}")] = Field(
        description="Name of the environment.", examples=["staging"]
    )
    approval: Switch = Field(
        default=False, description="Whether somebody must approve each release to this environment in the pipeline."
    )
    approval_timeout: Annotated[int, Field(ge=5, le=86400), rule("use 5 to 86400 minutes")] | None = Field(
        default=None,
        description="Minutes after which a release that nobody approved fails. Left out: 7 days.",
        examples=[1440],
    )
    cpu: _Cpu | None = Field(default=None, description="CPU units of a container here.", examples=[512])
    memory: _Memory | None = Field(default=None, description="Memory of a container here, in MiB.", examples=[1024])
    desired_count: _Count | None = Field(default=None, description="Containers that run at least here.", examples=[2])
    max_count: _Count | None = Field(
        default=None, description="Containers that run at most under load here.", examples=[10]
    )
    environment: Variables = Field(
        default={},
        description="Environment variables of the container here, beside those of the service, or instead of them.",
        examples=[{"LOG_LEVEL": "debug"}],
    )
    secrets: Secrets = Field(
        default={},
        description="Environment variables that hold a secret here, beside those of the service, or instead of them.",
        examples=[{"DB_PASSWORD": "staging/orders/db-password"}],
    )
    load_balancer: _LoadBalancerChoice | None = Field(default=None, description="Who reaches the service here.")
    alarms: list[AlarmName] = Field(
        default=[],
        description="Names of CloudWatch alarms here; one of them in ALARM during a deployment rolls it back. "
        "Left out: those of the service's deployment.",
        examples=[["orders-production-latency"]],
    )


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
    cpu: _Cpu = Field(default=256, description="CPU units of a container; 1024 is one processor.")
    memory: _Memory = Field(
        default=512,
        description="Memory of a container in MiB. Fargate offers certain values for each cpu, such as 512, "
        "1024 and 2048 for 256.",
    )
    desired_count: _Count = Field(default=1, description="Containers that run at least.")
    max_count: _Count = Field(
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
    load_balancer: _LoadBalancerChoice = Field(
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


def in_environment(service: Service, environment: ServiceEnvironment) -> Service:
    """The service with what the environment sets: single values replace, variables and secrets are added."""
    given = {
        key: getattr(environment, key)
        for key in ("cpu", "memory", "desired_count", "max_count", "load_balancer")
        if getattr(environment, key) is not None
    }
    if "desired_count" in given and "max_count" not in given:
        given["max_count"] = max(service.max_count, given["desired_count"])
    if environment.alarms:
        given["deployment"] = service.deployment.model_copy(update={"alarms": environment.alarms})
    own = {*environment.environment, *environment.secrets}
    return service.model_copy(
        update={
            **given,
            "environment": _without(service.environment, own) | environment.environment,
            "secrets": _without(service.secrets, own) | environment.secrets,
        }
    )


def _without(values: dict[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in names}

"""The model of the settings: what `platform.yaml` may say, and its defaults.

Nothing here reads files or asks AWS, the environment or Git.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pythonbase_buildspecs import Mirror
from stacks import formats, patterns
from stacks.fargate import FARGATE_MEMORY
from stacks.field_rules import check, rule, switch
from stacks.schedules import schedule
from stacks.settings_checks import check_together

COMBINATION_ERROR = "combination"
"""Type of the pydantic error that stands for all findings of `check_together`."""

_NAME_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_REGION_PATTERN = (
    r"[a-z]{2,4}(-[a-z]{2,4})?-(central|north|south|east|west|northeast|northwest|southeast|southwest)-[1-9][0-9]?"
)
_ENVIRONMENT_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"

_Name = Annotated[
    str,
    Field(pattern=_NAME_PATTERN, min_length=2, max_length=40),
    rule("use 2 to 40 lower-case letters, digits and single hyphens, starting with a letter, such as orders-api"),
]
_EnvironmentsName = Annotated[
    str,
    Field(pattern=_NAME_PATTERN, min_length=2, max_length=20),
    rule("use 2 to 20 lower-case letters, digits and single hyphens, starting with a letter, such as staging"),
]
_Prefix = Annotated[
    str,
    Field(pattern=_NAME_PATTERN, min_length=2, max_length=12),
    rule("use 2 to 12 lower-case letters, digits and single hyphens, starting with a letter, such as shop"),
]
_Account = Annotated[
    str, Field(pattern=r"^[0-9]{12}$"), rule('use the 12 digits of the account in quotes: "123456789012"')
]
_Region = Annotated[str, Field(pattern=f"^{_REGION_PATTERN}$"), rule("use an AWS Region such as eu-central-1")]
_ConnectionArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[A-Za-z0-9-]+$"
    ),
    rule("use arn:aws:codeconnections:<region>:<account>:connection/<id>, as the console shows it"),
]
_ConnectionName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=32),
    rule("use at most 32 letters, digits, hyphens and underscores"),
]
_VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$"), rule("use the VPC's id, such as vpc-0123456789abcdef0")]
_SubnetId = Annotated[
    str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$"), rule("use a subnet's id, such as subnet-0123456789abcdef0")
]
_CidrBlock = Annotated[str, check(formats.ipv4_network)]
_AvailabilityZone = Annotated[
    str,
    Field(pattern=f"^{_REGION_PATTERN}(-[a-z]+-[0-9])?[a-z]$"),
    rule("use an availability zone's name, such as eu-central-1a"),
]
_Folder = Annotated[
    str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$"), rule("use the path of a folder with a Dockerfile")
]
_TopicArn = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$"),
    rule("use arn:aws:sns:<region>:<account>:<topic>; a FIFO topic takes no notifications"),
]
_ChannelArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:chatbot::[0-9]{12}:chat-configuration/(slack-channel|microsoft-teams-channel)/"
        r"[A-Za-z0-9_-]+$"
    ),
    rule("use arn:aws:chatbot::<account>:chat-configuration/slack-channel/<name>, or microsoft-teams-channel"),
]
_Switch = Annotated[bool, switch()]
_AlarmName = Annotated[
    str, Field(min_length=1, max_length=255), rule("use the name of a CloudWatch alarm, not its ARN")
]
_EnvironmentName = Annotated[
    str, Field(pattern=_ENVIRONMENT_NAME), rule("use letters, digits and underscores, not starting with a digit")
]


def _fargate_cpu(value: int) -> int:
    if value not in FARGATE_MEMORY:
        raise ValueError
    return value


class _Model(BaseModel):
    # Default factories use data.get(): pydantic calls them although a value that they need was wrong.
    # strict: "8080" is not a number; forbid: a misspelt key is a mistake, not a comment
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Environment(_Model):
    """The AWS account and Region that the application is deployed to."""

    account: _Account | None = Field(
        default=None,
        description="AWS account: 12 digits, in quotes. Left out: that of the credentials (CDK_DEFAULT_ACCOUNT).",
        examples=["123456789012"],
    )
    region: _Region | None = Field(
        default=None,
        description="AWS Region. Left out: that of the credentials (CDK_DEFAULT_REGION).",
        examples=["eu-central-1"],
    )


class Bitbucket(_Model):
    """How pipelines reach Bitbucket: one CodeConnections connection."""

    connection_arn: _ConnectionArn | None = Field(
        default=None,
        description="ARN of an existing connection. Left out: a connection is created; a person completes its "
        "handshake in the console once.",
        examples=["arn:aws:codeconnections:eu-central-1:123456789012:connection/aEXAMPLE-8aad-4d5d-8878-dfcab0bc441f"],
    )
    connection_name: _ConnectionName = Field(
        default="pythonbase",
        description="Name of the connection that is created when connection_arn is left out; at most 32 characters.",
    )
    destroy: _Switch = Field(
        default=False,
        description="First of two keys to delete the connection with its stack; the second is -c destroy=bitbucket.",
    )
    status_credentials: Annotated[str, check(formats.secret_reference)] | None = Field(
        default=None,
        description='Name or ARN of a Secrets Manager secret {"token": …} with an access token of Bitbucket, or '
        '{"email": …, "token": …} with an API token: results of builds are then written back to commits. Left out: '
        "they are not.",
        examples=["bitbucket/statuses"],
    )


class ExistingVpc(_Model):
    """A VPC that is there already. It brings its own way to ECR, S3, CloudWatch Logs and Secrets Manager."""

    id: _VpcId = Field(description="Id of the VPC.", examples=["vpc-0123456789abcdef0"])
    cidr_block: _CidrBlock | None = Field(
        default=None,
        description="Address range of the VPC. Needed when a service has an internal load balancer.",
        examples=["10.0.0.0/16"],
    )
    availability_zones: list[_AvailabilityZone] = Field(
        min_length=1,
        description="Availability zones of the subnets, in the order of the subnets.",
        examples=[["eu-central-1a", "eu-central-1b"]],
    )
    private_subnet_ids: list[_SubnetId] = Field(
        min_length=1,
        description="Subnets that the services run in: one for each availability zone, in their order.",
        examples=[["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]],
    )
    public_subnet_ids: list[_SubnetId] = Field(
        default=[],
        description="Subnets of public load balancers: one for each availability zone, in their order. "
        "Left out: no service can have a public load balancer.",
        examples=[["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]],
    )


class Network(_Model):
    """The network of the services: a new VPC, or an existing one."""

    nat_gateways: Annotated[int, Field(ge=0, le=3), rule("use 0 to 3; 0 is VPC endpoints only")] = Field(
        default=0,
        description="NAT gateways of the new VPC. 0: services reach AWS through VPC endpoints and have no way to the "
        "internet.",
    )
    max_azs: Annotated[int, Field(ge=2, le=3), rule("use 2 or 3")] = Field(
        default=2, description="Number of availability zones of the new VPC."
    )
    availability_zones: list[_AvailabilityZone] = Field(
        default=[],
        min_length=2,
        max_length=3,
        description="Availability zones of the new VPC, 2 or 3 of them. Left out: the first max_azs of the Region, by "
        "name.",
        examples=[["eu-central-1a", "eu-central-1c"]],
    )
    vpc: ExistingVpc | None = Field(default=None, description="An existing VPC. Left out: a new one is created.")


class PlatformEnvironment(_Model):
    """Where an environment is that services list, when it has an account, a Region or a network of its own."""

    name: _EnvironmentsName = Field(
        description="Name of the environment, as services list it.", examples=["production"]
    )
    account: _Account | None = Field(
        default=None,
        description="Its AWS account: 12 digits, in quotes. Left out: that of environment.",
        examples=["210987654321"],
    )
    region: _Region | None = Field(
        default=None, description="Its AWS Region. Left out: that of environment.", examples=["eu-central-1"]
    )
    network: Network | None = Field(
        default=None,
        description="Its own network. Left out: the network that services share, or a new one in another account or "
        "Region.",
    )
    destroy: _Switch = Field(
        default=False,
        description="First of two keys to delete the bucket of artifacts in its Region with its stack, for each "
        "environment there; the second is -c destroy=artifacts-<region>.",
    )


class BaseImage(_Model):
    """An image that services build on, in a private ECR repository of this name."""

    name: _Name = Field(description="Name of the ECR repository.", examples=["pythonbase"])
    path: _Folder = Field(
        default_factory=lambda data: f"images/{data.get('name')}",
        description="Folder with the Dockerfile, relative to the settings file. Left out: images/<name> "
        "beside the settings file, or else of this application.",
        examples=["images/pythonbase"],
    )
    upstream: Annotated[str, check(formats.image_reference)] = Field(
        default="public.ecr.aws/docker/library/python:3.13-slim",
        description="Image that the Dockerfile builds on: registry, repository and tag. On Docker Hub only with "
        "upstream_credentials.",
    )
    upstream_credentials: Annotated[str, check(formats.secret_reference)] | None = Field(
        default=None,
        description='Name or ARN of a Secrets Manager secret {"username": …, "accessToken": …} for the registry of '
        "upstream. Left out: anonymous; ECR and ECR Public are signed in to in any case.",
        examples=["docker-hub/pythonbase"],
    )
    refresh: Annotated[str, check(schedule)] = Field(
        default="rate(1 day)",
        description="When to look for a new upstream: rate() or cron() of EventBridge Scheduler, in UTC; at most "
        "once an hour.",
        examples=["rate(1 day)", "cron(0 3 * * ? *)"],
    )
    stands_in_for: list[Annotated[str, check(formats.docker_hub_reference)]] = Field(
        default=["python:3.13", "python:3.13-slim"],
        description="Docker Hub images that builds of services get this image for, when their Dockerfile names them. "
        "The tag may hold a *, such as python:3.13*.",
    )
    destroy: _Switch = Field(
        default=False,
        description="First of two keys to delete the repository and its images with their stack; the second is "
        "-c destroy=<name>.",
    )


class DockerHub(_Model):
    """What builds of services get of Docker Hub when their Dockerfile names more than a base image stands in for."""

    official_images: Annotated[Mirror, Field(strict=False), rule("use deny, ecr-public or pull-through-cache")] = Field(
        default=Mirror.DENY,
        description="Docker Official Images, such as node:22: deny (the build fails), ecr-public (ECR Public's mirror) "
        "or pull-through-cache (the account's own ECR).",
    )
    other_images: Annotated[Mirror, Field(strict=False), rule("use deny or pull-through-cache")] = Field(
        default=Mirror.DENY,
        description="All other images of Docker Hub: deny or pull-through-cache.",
        json_schema_extra={"enum": ["deny", "pull-through-cache"]},
    )
    pull_through_cache_prefix: Annotated[str, check(formats.cache_prefix)] = Field(
        default="docker-hub",
        description="Repository prefix of the pull-through cache rule for Docker Hub that the account has.",
    )


class LoadBalancer(StrEnum):
    """Who can reach a service."""

    PUBLIC = "public"
    INTERNAL = "internal"
    NONE = "none"


class ExecutionMode(StrEnum):
    """What happens to a push while another one is being released."""

    SUPERSEDED = "superseded"
    QUEUED = "queued"


_Cpu = Annotated[
    int,
    Field(json_schema_extra={"enum": list(FARGATE_MEMORY)}),
    AfterValidator(_fargate_cpu),
    rule(f"use one of Fargate's sizes: {', '.join(str(cpu) for cpu in FARGATE_MEMORY)}"),
]
_Memory = Annotated[int, Field(ge=512, le=122880), rule("use MiB that Fargate offers for the cpu: 512 to 122880")]
_Count = Annotated[int, Field(ge=1, le=1000), rule("use 1 to 1000 containers")]
_Variables = Annotated[
    dict[_EnvironmentName, Annotated[str, rule("use a text in quotes")]],
    Field(json_schema_extra={"additionalProperties": False}),
]
_Secrets = Annotated[
    dict[_EnvironmentName, Annotated[str, check(formats.secret_reference)]],
    Field(json_schema_extra={"additionalProperties": False}),
]
_LoadBalancerChoice = Annotated[LoadBalancer, Field(strict=False), rule("use public, internal or none")]


class ServiceEnvironment(_Model):
    """An environment of a service: what differs there. What is left out is as the service says."""

    name: _EnvironmentsName = Field(description="Name of the environment.", examples=["staging"])
    approval: _Switch = Field(
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
    environment: _Variables = Field(
        default={},
        description="Environment variables of the container here, beside those of the service, or instead of them.",
        examples=[{"LOG_LEVEL": "debug"}],
    )
    secrets: _Secrets = Field(
        default={},
        description="Environment variables that hold a secret here, beside those of the service, or instead of them.",
        examples=[{"DB_PASSWORD": "staging/orders/db-password"}],
    )
    load_balancer: _LoadBalancerChoice | None = Field(default=None, description="Who reaches the service here.")
    alarms: list[_AlarmName] = Field(
        default=[],
        description="Names of CloudWatch alarms here; one of them in ALARM during a deployment rolls it back. "
        "Left out: those of the service's deployment.",
        examples=[["orders-production-latency"]],
    )


class Notifications(_Model):
    """Where release results go. The topic and the channel are there already."""

    topic: _TopicArn | None = Field(
        default=None,
        description="ARN of an SNS topic. Its policy must let codestar-notifications.amazonaws.com publish.",
        examples=["arn:aws:sns:eu-central-1:123456789012:releases"],
    )
    chatbot: _ChannelArn | None = Field(
        default=None,
        description="ARN of a Slack or Microsoft Teams channel configuration of AWS Chatbot.",
        examples=["arn:aws:chatbot::123456789012:chat-configuration/slack-channel/releases"],
    )


class DeploymentStrategy(StrEnum):
    """How a new version replaces the old one. Linear and canary are known so that their refusal says why."""

    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    LINEAR = "linear"
    CANARY = "canary"


class Deployment(_Model):
    """How a new version of a service replaces the old one, and what calls it off."""

    strategy: Annotated[DeploymentStrategy, Field(strict=False), rule("use rolling or blue-green")] = Field(
        default=DeploymentStrategy.ROLLING,
        description="rolling, or blue-green for a service without a load balancer.",
        json_schema_extra={"enum": ["rolling", "blue-green"]},
    )
    bake_minutes: Annotated[int, Field(ge=0, le=1440), rule("use minutes: 0 to 1440, which is a day")] | None = Field(
        default=None,
        description="Minutes that the old containers stay beside the new ones after a blue-green deployment, so that "
        "going back is immediate. Left out: none.",
    )
    alarms: list[_AlarmName] = Field(
        default=[],
        description="Names of CloudWatch alarms; one of them in ALARM during a deployment rolls it back.",
        examples=[["orders-latency"]],
    )
    server_errors: Annotated[int, Field(ge=1, le=99), rule("use a percentage: 1 to 99")] | None = Field(
        default=None,
        description="Percentage of 5xx answers over three minutes that rolls a deployment back. Left out: no such "
        "alarm.",
    )


class Service(_Model):
    """A service: a Bitbucket repository, its pipeline, and the containers that run it."""

    name: _Name = Field(description="Name of the service, its stack and its ECR repository.", examples=["orders"])
    repository: Annotated[str, check(formats.bitbucket_repository)] = Field(
        description="Bitbucket repository: workspace/repository.", examples=["acme/orders"]
    )
    branch: Annotated[str, check(formats.branch)] = Field(
        default="main", description="Branch whose pushes are built and deployed."
    )
    tags: list[Annotated[str, check(patterns.tag_pattern)]] = Field(
        default=[],
        max_length=patterns.MOST_PATTERNS,
        description="Tags whose pushes are built and deployed too, as patterns. paths do not apply to them. A tag of "
        "a commit that is not on the branch is refused.",
        examples=[["v*"]],
    )
    unreviewed_tags: _Switch = Field(
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
    pull_requests: _Switch = Field(
        default=False,
        description="Whether pull requests into the branch are built and tested, by a pipeline that can neither push "
        "the image nor deploy it.",
    )
    context: Annotated[str, check(formats.folder_in_repository)] = Field(
        default=".",
        description="Folder that the Dockerfile copies from. Left out: the repository's root.",
        examples=["services/orders"],
    )
    dockerfile: Annotated[str, check(formats.path_in_repository)] = Field(
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
    base_image: _Name = Field(
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
    environment: _Variables = Field(
        default={},
        description="Environment variables of the container. Not for secrets. "
        "PORT, HEALTH_CHECK_PATH and AWS_* are set by the platform.",
        examples=[{"LOG_LEVEL": "info"}],
    )
    secrets: _Secrets = Field(
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
    destroy: _Switch = Field(
        default=False,
        description="First of two keys to delete the service's images, releases, logs and artifacts with their "
        "stacks; the second is -c destroy=<name>.",
    )


class Settings(_Model):
    """All settings of the application."""

    environment: Environment = Field(default=Environment(), description="Where to deploy to.")
    environments: list[PlatformEnvironment] = Field(
        default=[],
        description="Environments of services that have an account, a Region or a network of their own.",
        examples=[[{"name": "production", "account": "210987654321"}]],
    )
    prefix: _Prefix = Field(
        default="",
        description="What the names of stacks, repositories, services, pipelines and roles begin with, before a "
        "hyphen: keeps two platforms in one account apart, also in two Regions. Left out: nothing.",
        examples=["shop"],
    )
    bitbucket: Bitbucket = Field(default=Bitbucket(), description="The connection to Bitbucket.")
    network: Network = Field(default=Network(), description="Where the services run.")
    docker_hub: DockerHub = Field(default=DockerHub(), description="What builds of services get of Docker Hub.")
    notifications: Notifications = Field(
        default=Notifications(), description="Where release results go. Left out: nowhere."
    )
    base_images: list[BaseImage] = Field(
        default=[BaseImage(name="pythonbase")],
        min_length=1,
        description="The base images. Left out: one, pythonbase.",
        examples=[[{"name": "pythonbase"}]],
    )
    services: list[Service] = Field(
        default=[],
        description="The services.",
        examples=[[{"name": "orders", "repository": "acme/orders", "port": 8080}]],
    )

    @field_validator("services")
    @classmethod
    def _default_base_image(cls, services: list[Service], info: ValidationInfo) -> list[Service]:
        base_images: list[BaseImage] = info.data.get("base_images", [])
        if not base_images:
            return services
        first = base_images[0].name
        return [item if item.base_image else item.model_copy(update={"base_image": first}) for item in services]

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        findings = check_together(self)
        if findings:
            text = "; ".join(finding.fix for finding in findings)
            raise PydanticCustomError(COMBINATION_ERROR, "{text}", {"text": text})
        return self

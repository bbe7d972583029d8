"""Mistakes that only show when settings are looked at together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pythonbase_buildspecs import ImageReference, Mirror
from stacks.environment_checks import check_environments
from stacks.environments import in_environment, other_regions
from stacks.environments import place as place_of
from stacks.fargate import fargate_memory, listed_sizes
from stacks.formats import docker_hub_name, holds_a_login, names_a_secret
from stacks.names import (
    OWN_STACKS,
    artifacts_stack_name,
    environment_stack_name,
    network_stack_name,
    stack_name,
    state_stack_name,
)
from stacks.problems import Finding, SettingPath, place, shown_text
from stacks.region_checks import check_regions
from stacks.trigger_checks import check_triggers

if TYPE_CHECKING:  # the model runs these checks, so it imports this module
    from stacks.settings_model import (
        BaseImage,
        Deployment,
        DockerHub,
        ExistingVpc,
        LoadBalancer,
        Network,
        Notifications,
        Service,
        ServiceEnvironment,
        Settings,
    )

_TRAFFIC_CONFLICT = "https://github.com/aws/aws-cdk/issues/36649"
"""Why no strategy may shift traffic; pythonbase.services.deployment says more, and needs the CDK library."""

_SHIFTED_BACK = (
    "ECS shifts weights of the load balancer that a later deployment can put back on containers that are gone, "
    f"{_TRAFFIC_CONFLICT}"
)
_COUNTED = "the load balancer counts the answers"

HIDDEN = "a value that is not shown here"
"""Stands for a value that may be a secret, which has no place in the logs that messages end in."""

_LONGEST_NAME = 40
"""Of a base image or a service in AWS."""

_CDK_CONSTRUCTS = ("Tree",)
"""What the CDK library puts beside the stacks: https://github.com/aws/aws-cdk, core/lib/private/tree-metadata.ts"""

_LOAD_BALANCER_SUBNETS = 2  # an Application Load Balancer needs two availability zones
_APPLICATION_FOLDER = Path(__file__).resolve().parent.parent

_SET_BY_THE_PLATFORM = {"PORT": "port", "HEALTH_CHECK_PATH": "health_check_path"}
"""Environment variables of the container that come from a setting."""


def image_folder(image: BaseImage, *, settings_file: Path) -> Path:
    """The folder with the base image's Dockerfile.

    Relative to the folder of the settings file. When `path` is left out and there is no such folder, the one of this
    application: a settings file elsewhere then needs no copy of the image.
    """
    folder = settings_file.absolute().parent / image.path
    if "path" not in image.model_fields_set and not folder.is_dir():
        own = _APPLICATION_FOLDER / image.path
        return own if own.is_dir() else folder
    return folder


def check_image_folders(settings: Settings, *, settings_file: Path) -> Iterator[Finding]:
    """Base images without a Dockerfile."""
    for index, image in enumerate(settings.base_images):
        folder = image_folder(image, settings_file=settings_file)
        got = shown_text(image.path)
        concerned: tuple[SettingPath, ...] = (("base_images", index, "path"), ("base_images", index, "name"))
        path: SettingPath = ("base_images", index, "path" if "path" in image.model_fields_set else "name")
        if not folder.is_dir():
            fix = f"there is no such folder beside {settings_file.name}; create it with a Dockerfile, or set path"
            yield Finding(path=path, got=got, fix=fix, involves=concerned)
        elif not (folder / "Dockerfile").is_file():
            fix = "the folder has no file called Dockerfile; add one"
            yield Finding(path=path, got=got, fix=fix, involves=concerned)


def check_together(settings: Settings) -> list[Finding]:
    """All mistakes between the values of settings that are each right by themselves."""
    findings = [
        *_check_names(settings),
        *_check_lengths(settings),
        *_check_environment(settings),
        *_check_networks(settings),
    ]
    findings += check_regions(settings)
    findings += check_environments(settings)
    findings += _check_docker_hub(settings.docker_hub)
    findings += _check_destroy(settings)
    findings += _check_topic(settings.notifications, ("notifications", "topic"), settings.environment.region)
    findings += check_triggers(settings)
    for index, image in enumerate(settings.base_images):
        findings += _check_stand_ins(image, ("base_images", index, "stands_in_for"))
        findings += _check_upstream(image, ("base_images", index))
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index)
        findings += _check_base_image(service, at, settings)
        findings += _check_size(service, at)
        findings += _check_variables(service, at)
        for number, environment in enumerate(service.environments):
            where: SettingPath = (*at, "environments", number)
            findings += _check_variables(environment, where)
            findings += _check_alarms(environment.alarms, (*where, "alarms"))
        findings += _check_deployment(service, at)
        findings += _check_topic(service.notifications, (*at, "notifications", "topic"), settings.environment.region)
    return findings


def _check_names(settings: Settings) -> Iterator[Finding]:
    """Names become stack ids and ECR repositories, which must differ."""
    names: dict[str, SettingPath] = {}
    # ids that differ only in case would share a template file on macOS and Windows
    shared = [*OWN_STACKS, *(artifacts_stack_name(region) for region in other_regions(settings))]
    ids: dict[str, tuple[str, str, SettingPath | None]] = {
        own.lower(): (own, f"the application's own {kind} {own}", None)
        for kind, taken_names in (("stack", shared), ("construct", _CDK_CONSTRUCTS))
        for own in taken_names
    }
    for path, name, wanted in _named(settings):
        if name in names:
            first = names[name]
            needed = "an ECS service" if "environments" in (*path, *first) else "an ECR repository"
            fix = f"use another name: {place(first)} is the same, and both need {needed} and a stack"
            yield Finding(path=path, fix=fix, involves=(first,))
            continue
        names[name] = path
        taken = next((ids[own.lower()] for own in wanted if own.lower() in ids), None)
        if taken:
            own, owner, other = taken
            fix = f"use another name: its stack would be called {own} like {owner}"
            yield Finding(path=path, fix=fix, involves=(other,) if other else ())
        for own in wanted:
            ids.setdefault(own.lower(), (own, f"that of {place(path)}", path))


def _check_lengths(settings: Settings) -> Iterator[Finding]:
    """Names with the prefix before them."""
    room = _LONGEST_NAME - len(f"{settings.prefix}-") if settings.prefix else _LONGEST_NAME
    names = [("base_images", index, item.name) for index, item in enumerate(settings.base_images)]
    names += [("services", index, item.name) for index, item in enumerate(settings.services)]
    for key, index, name in names:
        if len(name) > room:
            fix = f"use at most {room} characters: with the prefix {settings.prefix} a name has {_LONGEST_NAME}"
            yield Finding(path=(key, index, "name"), fix=fix, involves=(("prefix",),))


def _named(settings: Settings) -> Iterator[tuple[SettingPath, str, list[str]]]:
    """Where a name is given, the name (of an ECR repository or an ECS service), and the stacks called after it."""
    for index, image in enumerate(settings.base_images):
        yield ("base_images", index, "name"), image.name, [stack_name(image.name)]
    for index, service in enumerate(settings.services):
        yield ("services", index, "name"), service.name, [stack_name(service.name), state_stack_name(service.name)]
    for index, service in enumerate(settings.services):
        for number, environment in enumerate(service.environments):
            name = f"{service.name}-{environment.name}"
            path: SettingPath = ("services", index, "environments", number, "name")
            yield path, name, [environment_stack_name(service.name, environment.name), state_stack_name(name)]
    for index, item in enumerate(settings.environments):
        stacks = [network_stack_name(item.name)] if not place_of(item.name, settings).is_shared else []
        yield ("environments", index, "name"), f"{item.name}-network", stacks


def _check_environment(settings: Settings) -> Iterator[Finding]:
    arn, region = settings.bitbucket.connection_arn, settings.environment.region
    if arn and region and arn.split(":")[3] != region:
        fix = f"use a connection in {region}, the Region of environment.region"
        yield Finding(path=("bitbucket", "connection_arn"), fix=fix, involves=(("environment", "region"),))


def _check_networks(settings: Settings) -> Iterator[Finding]:
    yield from _check_network(settings.network, ("network",), settings.environment.region)
    for index, item in enumerate(settings.environments):
        if item.network:
            region = item.region or settings.environment.region
            yield from _check_network(item.network, ("environments", index, "network"), region)
    for at, service, network_path, vpc in _in_existing_vpcs(settings):
        yield from _check_load_balancer(service, at, network_path, vpc)


def _in_existing_vpcs(settings: Settings) -> Iterator[tuple[SettingPath, Service, SettingPath, ExistingVpc]]:
    """Each service, or each environment of it, in an existing VPC, and where that is set."""
    own = {
        item.name: (("environments", index, "network"), item.network)
        for index, item in enumerate(settings.environments)
    }
    shared: tuple[SettingPath, Network | None] = (("network",), settings.network)
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index)
        if not service.environments and settings.network.vpc:
            yield at, service, ("network",), settings.network.vpc
        for number, environment in enumerate(service.environments):
            path, network = shared if place_of(environment.name, settings).is_shared else own[environment.name]
            if network and network.vpc:
                where = (*at, "environments", number)
                yield where, in_environment(service, environment), path, network.vpc


def _check_network(network: Network, at: SettingPath, region: str | None) -> Iterator[Finding]:
    if network.vpc is None:
        zones = len(network.availability_zones) or network.max_azs
        if network.nat_gateways > zones:
            more = "add an availability zone" if network.availability_zones else "raise max_azs"
            fix = f"use at most {zones}, one for each availability zone, or {more}"
            involved = ((*at, "max_azs"), (*at, "availability_zones"))
            yield Finding(path=(*at, "nat_gateways"), fix=fix, involves=involved)
        return
    for key in ("nat_gateways", "max_azs", "availability_zones"):
        if key in network.model_fields_set:
            fix = f"remove it: it is for a new VPC, and {place(at)}.vpc names an existing one"
            yield Finding(path=(*at, key), fix=fix, involves=((*at, "vpc", "id"),))
    yield from _check_existing_vpc(network.vpc, (*at, "vpc"), region)


def _check_existing_vpc(vpc: ExistingVpc, at: SettingPath, region: str | None) -> Iterator[Finding]:
    zones = len(vpc.availability_zones)
    for index, zone in enumerate(vpc.availability_zones):
        if region and not zone.startswith(region):
            fix = f"use an availability zone of {region}, the Region of environment.region"
            yield Finding(path=(*at, "availability_zones", index), fix=fix, involves=(("environment", "region"),))
    for key, subnets in (("private_subnet_ids", vpc.private_subnet_ids), ("public_subnet_ids", vpc.public_subnet_ids)):
        if subnets and len(subnets) != zones:
            fix = f"list one subnet for each of the {zones} availability_zones, in their order"
            got = f"{len(subnets)} of {zones}"
            yield Finding(path=(*at, key), got=got, fix=fix, involves=((*at, "availability_zones"),))
    yield from _check_repeated(vpc.availability_zones, (*at, "availability_zones"))
    yield from _check_repeated([*vpc.private_subnet_ids], (*at, "private_subnet_ids"))
    yield from _check_repeated([*vpc.public_subnet_ids], (*at, "public_subnet_ids"))
    for index, subnet in enumerate(vpc.public_subnet_ids):
        if subnet in vpc.private_subnet_ids:
            fix = "a subnet is private or public: remove it from one of the lists"
            yield Finding(path=(*at, "public_subnet_ids", index), fix=fix, involves=((*at, "private_subnet_ids"),))


def _check_load_balancer(
    service: Service, at: SettingPath, network: SettingPath, vpc: ExistingVpc
) -> Iterator[Finding]:
    if service.load_balancer == "none":
        return
    public = service.load_balancer == "public"
    key, other = ("public_subnet_ids", "internal") if public else ("private_subnet_ids", "none")
    subnets = vpc.public_subnet_ids if public else vpc.private_subnet_ids
    # The environment's, or else the service's.
    chosen: tuple[SettingPath, ...] = ((*at, "load_balancer"), (*at[:2], "load_balancer"))
    if not public and vpc.cidr_block is None:
        cidr: SettingPath = (*network, "vpc", "cidr_block")
        fix = f'add it, such as "cidr_block: 10.0.0.0/16": {place(at)} has an internal load balancer'
        yield Finding(path=cidr, fix=fix, involves=chosen)
    if len(subnets) >= _LOAD_BALANCER_SUBNETS:
        return
    given = "load_balancer" in service.model_fields_set
    fix = (
        f"use {'' if given else 'load_balancer: '}{other}, or list at least 2 subnets in {place(network)}.vpc.{key}: "
        "a load balancer needs 2 availability zones"
    )
    subnets_path: SettingPath = (*network, "vpc", key)
    got = f'"{service.load_balancer}"' if given else f"load_balancer {service.load_balancer} by default"
    path = (*at, "load_balancer") if given else (*at, "name")
    yield Finding(path=path, got=got, fix=fix, involves=(subnets_path, *chosen))


def _check_docker_hub(docker_hub: DockerHub) -> Iterator[Finding]:
    official, other = docker_hub.official_images, docker_hub.other_images
    involved: tuple[SettingPath, ...] = (("docker_hub", "official_images"), ("docker_hub", "other_images"))
    if other is Mirror.ECR_PUBLIC:
        fix = "use deny or pull-through-cache: ECR Public has the Docker Official Images only"
        yield Finding(path=("docker_hub", "other_images"), fix=fix)
    elif other is not Mirror.DENY and official is Mirror.DENY:
        fix = "set official_images to ecr-public or pull-through-cache too: the cache has them as well"
        yield Finding(path=("docker_hub", "other_images"), fix=fix, involves=involved)


def _check_destroy(settings: Settings) -> Iterator[Finding]:
    """What others need is not destroyed under them."""
    bitbucket: SettingPath = ("bitbucket", "destroy")
    if settings.bitbucket.destroy and settings.bitbucket.connection_arn:
        fix = "remove it: bitbucket.connection_arn names a connection that this application does not own"
        yield Finding(path=bitbucket, fix=fix, involves=(("bitbucket", "connection_arn"),))
    marked = {image.name: index for index, image in enumerate(settings.base_images) if image.destroy}
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index, "destroy")
        if service.destroy:
            continue
        if settings.bitbucket.destroy and not settings.bitbucket.connection_arn:
            fix = f"remove it, or set {place(at)} too: the pipeline of {service.name} needs the connection"
            yield Finding(path=bitbucket, fix=fix, involves=(at,))
        if service.base_image in marked:
            path: SettingPath = ("base_images", marked[service.base_image], "destroy")
            fix = f"remove it, or set {place(at)} too: {service.name} is built on {service.base_image}"
            yield Finding(path=path, fix=fix, involves=(at, ("services", index, "base_image")))


def _check_deployment(service: Service, at: SettingPath) -> Iterator[Finding]:
    deployment = service.deployment
    strategy: SettingPath = (*at, "deployment", "strategy")
    if deployment.strategy in {"linear", "canary"}:
        fix = f"use rolling: {deployment.strategy} shifts weights that a later deployment can undo, {_TRAFFIC_CONFLICT}"
        yield Finding(path=strategy, fix=fix)
    if deployment.bake_minutes is not None and deployment.strategy == "rolling":
        fix = "remove it: it is for blue-green; a rolling deployment keeps no old containers"
        yield Finding(path=(*at, "deployment", "bake_minutes"), fix=fix, involves=(strategy,))
    yield from _check_load_balancers(service, at)
    yield from _check_alarms(deployment.alarms, (*at, "deployment", "alarms"))


def _check_load_balancers(service: Service, at: SettingPath) -> Iterator[Finding]:
    """Who reaches the service, wherever that is set, beside its deployment."""
    environments: list[tuple[SettingPath, LoadBalancer | None]] = [
        ((*at, "environments", number, "load_balancer"), item.load_balancer)
        for number, item in enumerate(service.environments)
    ]
    # A service with environments runs in these alone.
    if not environments or any(choice is None for _, choice in environments):
        involved = ((*at, "load_balancer"), (*at, "environments"), *(path for path, _ in environments))
        balanced = service.load_balancer != "none"
        yield from _check_balanced(service.deployment, at, balanced=balanced, involved=involved)
    for path, choice in environments:
        if choice is not None:
            yield from _check_balanced_there(service.deployment, at, path, balanced=choice != "none")


def _check_balanced(
    deployment: Deployment, at: SettingPath, *, balanced: bool, involved: tuple[SettingPath, ...]
) -> Iterator[Finding]:
    """The service's own load balancer beside its deployment."""
    if deployment.strategy == "blue-green" and balanced:
        fix = f"use rolling, or load_balancer: none: {_SHIFTED_BACK}"
        yield Finding(path=(*at, "deployment", "strategy"), fix=fix, involves=involved)
    if deployment.server_errors is not None and not balanced:
        fix = f"remove it: {_COUNTED}, and the service has none"
        yield Finding(path=(*at, "deployment", "server_errors"), fix=fix, involves=involved)


def _check_balanced_there(
    deployment: Deployment, at: SettingPath, path: SettingPath, *, balanced: bool
) -> Iterator[Finding]:
    """The load balancer that an environment sets, at this path, beside the deployment of its service."""
    strategy: SettingPath = (*at, "deployment", "strategy")
    errors: SettingPath = (*at, "deployment", "server_errors")
    if deployment.strategy == "blue-green" and balanced:
        fix = f"use none, or rolling in {place(strategy)}: {_SHIFTED_BACK}"
        yield Finding(path=path, fix=fix, involves=(strategy,))
    if deployment.server_errors is not None and not balanced:
        fix = f"use public or internal, or remove {place(errors)}: {_COUNTED}"
        yield Finding(path=path, fix=fix, involves=(errors,))


def _check_alarms(names: list[str], at: SettingPath) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name.startswith("arn:"):
            fix = "use the name of the alarm, which must be in the service's account and Region"
            yield Finding(path=(*at, index), fix=fix)
    yield from _check_repeated(names, at)


def _check_topic(notifications: Notifications | None, at: SettingPath, region: str | None) -> Iterator[Finding]:
    topic = notifications.topic if notifications else None
    if topic and region and topic.split(":")[3] != region:
        fix = f"use a topic in {region}, the Region of environment.region and of the pipelines"
        yield Finding(path=at, fix=fix, involves=(("environment", "region"),))


def _check_upstream(image: BaseImage, at: SettingPath) -> Iterator[Finding]:
    upstream = ImageReference.parse(image.upstream)
    if upstream.is_docker_hub and image.upstream_credentials is None:
        mirror = (
            f"use public.ecr.aws/docker/{upstream.canonical.partition('/')[2]}, or " if upstream.is_official else ""
        )
        fix = f"that is Docker Hub, whose pulls are limited: {mirror}add upstream_credentials"
        yield Finding(path=(*at, "upstream"), fix=fix, involves=((*at, "upstream_credentials"),))


def _check_stand_ins(image: BaseImage, at: SettingPath) -> Iterator[Finding]:
    yield from _check_repeated([docker_hub_name(reference) for reference in image.stands_in_for], at)


def _check_repeated(values: list[str], at: SettingPath) -> Iterator[Finding]:
    for index, value in enumerate(values):
        first = values.index(value)
        if first != index:
            yield Finding(path=(*at, index), fix=f"remove it: {place((*at, first))} is the same")


def _check_base_image(service: Service, at: SettingPath, settings: Settings) -> Iterator[Finding]:
    known = [image.name for image in settings.base_images]
    if service.base_image not in known:
        involved: tuple[SettingPath, ...] = tuple(("base_images", index, "name") for index in range(len(known)))
        fix = f"use one of base_images: {', '.join(known)}"
        yield Finding(path=(*at, "base_image"), fix=fix, involves=involved)


def _check_size(service: Service, at: SettingPath) -> Iterator[Finding]:
    offered = fargate_memory(service.cpu)
    if service.memory not in offered:
        given = "memory" in service.model_fields_set
        sizes = listed_sizes(offered)
        got = f"{service.memory} for cpu {service.cpu}" if given else f"{service.cpu} with the default memory of 512"
        fix = f"use {'' if given else 'memory: '}{sizes}"
        involved = ((*at, "cpu"), (*at, "memory"))
        yield Finding(path=(*at, "memory" if given else "cpu"), got=got, fix=fix, involves=involved)
    if service.max_count < service.desired_count:
        fix = f"use at least desired_count, which is {service.desired_count}"
        yield Finding(path=(*at, "max_count"), fix=fix, involves=((*at, "desired_count"),))


def secret_fix(name: str) -> str:
    """What to do with a secret in `environment`."""
    reason = "its name says that it is a secret" if names_a_secret(name) else "it has a password in it"
    return f"{reason}: keep it in Secrets Manager, and set {name} under secrets to the secret's name or ARN"


def _check_variables(service: Service | ServiceEnvironment, at: SettingPath) -> Iterator[Finding]:
    for name, value in service.environment.items():
        if names_a_secret(name) or holds_a_login(value):
            yield Finding(path=(*at, "environment", name), got=HIDDEN, fix=secret_fix(name))
    for key, names in (("environment", service.environment), ("secrets", service.secrets)):
        for name in names:
            if name in _SET_BY_THE_PLATFORM or name.startswith("AWS_"):
                setting = _SET_BY_THE_PLATFORM.get(name)
                fix = f"set {setting} instead" if setting else "remove it: AWS sets the variables AWS_*"
                yield Finding(path=(*at, key, name), got=f"the reserved name {shown_text(name)}", fix=fix)
    for name in service.secrets:
        if name in service.environment:
            fix = "remove it from one of environment and secrets"
            path = (*at, "secrets", name)
            yield Finding(path=path, got=f"{shown_text(name)} in both", fix=fix, involves=((*at, "environment"),))

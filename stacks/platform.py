"""Composes the platform from the settings: base images, networks, connection, artifact buckets, services."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from pythonbase import DockerHubCheck, Network
from pythonbase_settings import Network as NetworkSettings
from pythonbase_settings import Settings, image_folder
from pythonbase_settings.names import (
    artifacts_name,
    artifacts_stack_name,
    network_stack_name,
    own_stack_name,
    stack_name,
)
from pythonbase_settings.places import other_accounts, other_regions, place, used_environments
from stacks.artifacts_stack import ArtifactsStack
from stacks.base_image_stack import BaseImageStack
from stacks.bitbucket_stack import BitbucketStack
from stacks.build_status_stack import BuildStatusStack
from stacks.network_stack import NetworkStack
from stacks.places import env_at
from stacks.removal import CONNECTION, Removal
from stacks.services.composition import add_service
from stacks.shared_stacks import SharedStacks


def add_platform(app: App, settings: Settings, *, config: Path, env: Environment) -> None:
    """Add all stacks to the app.

    Args:
        app: The CDK app.
        settings: What platform.yaml says.
        config: The file that says so; paths in it are relative to its folder.
        env: Account and Region of the pipelines, and of every stack that no environment puts elsewhere.

    Raises:
        RemovalError: if the context asks to destroy what the settings keep.
    """
    removal = Removal(app, settings)
    base_images = _add_base_images(app, settings, config=config, env=env)
    for name, base_image in base_images.items():
        removal.apply(name, base_image)
    if settings.services:
        shared = SharedStacks(
            base_images=base_images,
            networks=_add_networks(app, settings, env=env),
            bitbucket=_add_bitbucket(app, settings, env=env),
            artifacts=_add_artifacts(app, settings, env=env),
        )
        removal.apply(CONNECTION, shared.bitbucket)
        for region, artifacts in shared.artifacts.items():
            removal.apply(artifacts_name(region), artifacts)
        for service in settings.services:
            removal.apply(service.name, *add_service(app, service, settings=settings, shared=shared, env=env))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), DockerHubCheck())


def _add_base_images(app: App, settings: Settings, *, config: Path, env: Environment) -> dict[str, BaseImageStack]:
    return {
        base_image.name: BaseImageStack(
            app,
            stack_name(base_image.name),
            settings=base_image,
            folder=image_folder(base_image, settings_file=config),
            # A service that has no release yet may run a base image that it does not name any more.
            pull_accounts=other_accounts(settings, settings.services),
            notifications=settings.notifications,
            env=env,
        )
        for base_image in settings.base_images
    }


def _add_networks(app: App, settings: Settings, *, env: Environment) -> dict[str | None, Network]:
    """The network of each environment by its name; None is the key of the network for services without."""

    def add(stack: str, network: NetworkSettings, there: Environment) -> Network:
        return NetworkStack(
            app,
            own_stack_name(stack, settings.prefix),
            settings=network,
            notifications=settings.notifications,
            env=there,
        ).network

    places = {name: place(name, settings) for name in used_environments(settings)}
    has_shared = any(where.is_shared for where in places.values())
    networks: dict[str | None, Network] = {}
    if has_shared or not all(service.environments for service in settings.services):
        networks[None] = add("Network", settings.network, env)
    for name, where in places.items():
        if where.is_shared:
            networks[name] = networks[None]
        else:
            own = where.network or NetworkSettings()
            networks[name] = add(network_stack_name(name), own, env_at(where, env))
    return networks


def _add_bitbucket(app: App, settings: Settings, *, env: Environment) -> BitbucketStack:
    bitbucket = BitbucketStack(app, own_stack_name("Bitbucket", settings.prefix), settings=settings.bitbucket, env=env)
    if settings.bitbucket.status_credentials:
        BuildStatusStack(
            app,
            own_stack_name("BuildStatus", settings.prefix),
            connection_arn=bitbucket.connection_arn,
            credentials=settings.bitbucket.status_credentials,
            env=env,
        )
    return bitbucket


def _add_artifacts(app: App, settings: Settings, *, env: Environment) -> dict[str, ArtifactsStack]:
    return {
        region: ArtifactsStack(
            app,
            own_stack_name(artifacts_stack_name(region), settings.prefix),
            prefix=settings.prefix,
            env=Environment(account=env.account, region=region),
        )
        for region in other_regions(settings)
    }

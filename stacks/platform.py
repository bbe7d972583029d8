"""Composes the stacks from the settings."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from pythonbase import DockerHubCheck
from stacks.base_image_stack import BaseImageStack
from stacks.bitbucket_stack import BitbucketStack
from stacks.build_status_stack import BuildStatusStack
from stacks.names import stack_name, state_stack_name
from stacks.network_stack import NetworkStack
from stacks.service_stacks import ServiceStack, ServiceStateStack
from stacks.settings import BaseImage, Settings, image_folder


def add_platform(app: App, settings: Settings, *, config: Path, env: Environment) -> None:
    """Add all stacks to the app.

    Args:
        app: The CDK app.
        settings: What platform.yaml says.
        config: The file that says so; paths in it are relative to its folder.
        env: Account and Region of every stack.
    """
    base_images = {
        base.name: (
            base,
            BaseImageStack(
                app,
                stack_name(base.name),
                settings=base,
                folder=image_folder(base, settings_file=config),
                env=env,
            ),
        )
        for base in settings.base_images
    }
    if settings.services:
        _add_services(app, settings, base_images=base_images, env=env)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), DockerHubCheck())


def _add_services(
    app: App, settings: Settings, *, base_images: dict[str, tuple[BaseImage, BaseImageStack]], env: Environment
) -> None:
    network = NetworkStack(app, "Network", settings=settings.network, env=env)
    connection_arn = settings.bitbucket.connection_arn or (
        BitbucketStack(app, "Bitbucket", connection_name=settings.bitbucket.connection_name, env=env).connection_arn
    )
    if settings.bitbucket.status_credentials:
        BuildStatusStack(
            app,
            "BuildStatus",
            connection_arn=connection_arn,
            credentials=settings.bitbucket.status_credentials,
            env=env,
        )
    for service in settings.services:
        base, base_stack = base_images[service.base_image]
        state = ServiceStateStack(app, state_stack_name(service.name), settings=service, base_image=base, env=env)
        stack = ServiceStack(
            app,
            stack_name(service.name),
            settings=service,
            base_image=base,
            cluster=network.network.cluster,
            connection_arn=connection_arn,
            docker_hub=settings.docker_hub,
            env=env,
        )
        stack.add_stack_dependency(state, "the task definition's image is read from a parameter there")
        stack.add_stack_dependency(base_stack, "until its first release the service runs the base image")

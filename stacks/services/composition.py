"""Which stacks a service has, and which of them must be deployed first."""

from __future__ import annotations

from itertools import chain

from aws_cdk import App, Environment

from pythonbase import ReleaseStage
from pythonbase_settings import Service, Settings
from pythonbase_settings.names import stack_name, state_stack_name
from stacks.places import env_at
from stacks.platform_stack import PlatformStack
from stacks.services.environment_stack import EnvironmentStack
from stacks.services.parts import ServiceParts
from stacks.services.pipeline_stack import PipelineStack
from stacks.services.service_stack import ServiceStack
from stacks.services.state_stacks import EnvironmentStateStack, ServiceRepositoryStack, ServiceStateStack
from stacks.shared_stacks import SharedStacks

_PIPELINE_IS_WATCHED = "the watch must see the pipeline's first run fail"
_IMAGE_IS_RECORDED = "the task definition's image is read from a parameter there"
_BASE_IMAGE_RUNS = "until its first release the service runs the base image"


def add_service(
    app: App, service: Service, *, settings: Settings, shared: SharedStacks, env: Environment
) -> list[PlatformStack]:
    """Add all stacks of a service to the app; returns them.

    Args:
        app: The CDK app.
        service: The settings of the service.
        settings: All settings.
        shared: What the services share.
        env: Account and Region of the pipelines.
    """
    parts = ServiceParts.of(service, settings=settings, shared=shared)
    add = _add_with_environments if parts.stages else _add_without_environments
    return add(app, parts, shared=shared, env=env)


def _add_without_environments(
    app: App, parts: ServiceParts, *, shared: SharedStacks, env: Environment
) -> list[PlatformStack]:
    service = parts.settings
    state = ServiceStateStack(app, state_stack_name(service.name), parts=parts, env=env)
    stack = ServiceStack(app, stack_name(service.name), parts=parts, network=shared.networks[None], env=env)
    stack.add_stack_dependency(shared.bitbucket, _PIPELINE_IS_WATCHED)
    stack.add_stack_dependency(state, _IMAGE_IS_RECORDED)
    stack.add_stack_dependency(shared.base_images[service.base_image], _BASE_IMAGE_RUNS)
    return [state, stack]


def _add_with_environments(
    app: App, parts: ServiceParts, *, shared: SharedStacks, env: Environment
) -> list[PlatformStack]:
    service = parts.settings
    repository = ServiceRepositoryStack(app, state_stack_name(service.name), parts=parts, env=env)
    environments = [
        _add_environment(app, parts.in_environment(environment), stage, repository=repository, shared=shared, env=env)
        for environment, stage in zip(service.environments, parts.stages, strict=True)
    ]
    artifacts = {stage.region: shared.artifacts[stage.region] for stage in parts.stages if stage.region}
    pipeline = PipelineStack(app, stack_name(service.name), parts=parts, artifacts=artifacts, env=env)
    pipeline.add_stack_dependency(shared.bitbucket, _PIPELINE_IS_WATCHED)
    pipeline.add_stack_dependency(repository, "builds push to the repository there")
    for artifacts_stack in artifacts.values():
        pipeline.add_stack_dependency(artifacts_stack, "CodePipeline wants a bucket in each Region")
    for _, stack in environments:
        pipeline.add_stack_dependency(stack, "the pipeline starts at once, and releases there")
    return [repository, *chain.from_iterable(environments), pipeline]


def _add_environment(
    app: App,
    parts: ServiceParts,
    stage: ReleaseStage,
    *,
    repository: ServiceRepositoryStack,
    shared: SharedStacks,
    env: Environment,
) -> tuple[EnvironmentStateStack, EnvironmentStack]:
    service, names, there = parts.settings, stage.names, env_at(stage, env)
    state = EnvironmentStateStack(app, state_stack_name(names.deployed_name), parts=parts, names=names, env=there)
    stack = EnvironmentStack(
        app,
        stack_name(names.deployed_name),
        parts=parts,
        stage=stage,
        network=shared.networks[names.environment_name],
        repository=repository,
        env=there,
    )
    stack.add_stack_dependency(state, _IMAGE_IS_RECORDED)
    stack.add_stack_dependency(shared.base_images[service.base_image], _BASE_IMAGE_RUNS)
    return state, stack

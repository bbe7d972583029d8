"""Composes the stacks from the settings."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Aws, Duration, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from pythonbase import BaseImage, BaseImageReference, DockerHubCheck, Network, ReleaseNames, ReleaseStage
from pythonbase_settings import BaseImage as BaseImageSettings
from pythonbase_settings import Network as NetworkSettings
from pythonbase_settings import Notifications, Service, ServiceEnvironment, Settings, image_folder, in_environment
from pythonbase_settings.names import (
    artifacts_name,
    artifacts_stack_name,
    environment_stack_name,
    network_stack_name,
    own_stack_name,
    stack_name,
    state_stack_name,
)
from pythonbase_settings.places import Place, other_accounts, other_regions, place, used_environments
from stacks.artifacts_stack import ArtifactsStack
from stacks.base_image_stack import BaseImageStack
from stacks.bitbucket_stack import BitbucketStack
from stacks.build_status_stack import BuildStatusStack
from stacks.network_stack import NetworkStack
from stacks.removal import CONNECTION, Removal
from stacks.service_stacks import (
    EnvironmentStack,
    EnvironmentStateStack,
    PipelineStack,
    ServiceRepositoryStack,
    ServiceStack,
    ServiceStateStack,
)


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
    platform = _Platform(app, settings, config=config, env=env)
    for service in settings.services:
        if service.environments:
            platform.add_service_with_environments(service)
        else:
            platform.add_service(service)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app), DockerHubCheck())


class _Platform:
    """What services share."""

    def __init__(self, app: App, settings: Settings, *, config: Path, env: Environment) -> None:
        self._app, self._settings, self._env = app, settings, env
        self._removal = Removal(app, settings)
        self._account, self._region = env.account or Aws.ACCOUNT_ID, env.region or Aws.REGION
        self._base_images = {
            base.name: (
                base,
                BaseImageStack(
                    app,
                    stack_name(base.name),
                    settings=base,
                    folder=image_folder(base, settings_file=config),
                    # A service that has no release yet may run a base image that it does not name any more.
                    pull_accounts=other_accounts(settings, settings.services),
                    notifications=settings.notifications,
                    env=env,
                ),
            )
            for base in settings.base_images
        }
        self._references = {
            name: BaseImage.from_registry(account=self._account, region=self._region, name=name)
            for name in self._base_images
        }
        for base, stack in self._base_images.values():
            self._removal.apply(base.name, stack)
        if not settings.services:
            return
        self._places = {name: place(name, settings) for name in used_environments(settings)}
        self._networks = self._add_networks()
        self._bitbucket = BitbucketStack(app, self._shared("Bitbucket"), settings=settings.bitbucket, env=env)
        self._removal.apply(CONNECTION, self._bitbucket)
        if settings.bitbucket.status_credentials:
            BuildStatusStack(
                app,
                self._shared("BuildStatus"),
                connection_arn=self._bitbucket.connection_arn,
                credentials=settings.bitbucket.status_credentials,
                env=env,
            )
        self._artifacts = {
            region: ArtifactsStack(
                app,
                self._shared(artifacts_stack_name(region)),
                prefix=settings.prefix,
                env=Environment(account=env.account, region=region),
            )
            for region in other_regions(settings)
        }
        for region, artifacts in self._artifacts.items():
            self._removal.apply(artifacts_name(region), artifacts)

    def _add_networks(self) -> dict[str | None, Network]:
        """Environment names to networks; None is the network that the others share."""
        shared = any(
            not service.environments or any(self._places[item.name].is_shared for item in service.environments)
            for service in self._settings.services
        )
        networks: dict[str | None, Network] = {}
        if shared:
            stack = NetworkStack(
                self._app,
                self._shared("Network"),
                settings=self._settings.network,
                notifications=self._settings.notifications,
                env=self._env,
            )
            networks[None] = stack.network
        for name, where in self._places.items():
            if not where.is_shared:
                own = where.network or NetworkSettings()
                stack = NetworkStack(
                    self._app,
                    self._shared(network_stack_name(name)),
                    settings=own,
                    notifications=self._settings.notifications,
                    env=self._env_of(where),
                )
                networks[name] = stack.network
        return networks

    def _shared(self, stack: str) -> str:
        return own_stack_name(stack, self._settings.prefix)

    def _notifications(self, service: Service) -> Notifications:
        return self._settings.notifications if service.notifications is None else service.notifications

    def _env_of(self, where: Place) -> Environment:
        return Environment(account=where.account or self._env.account, region=where.region or self._env.region)

    def _base(self, service: Service) -> tuple[BaseImageSettings, BaseImageStack, BaseImageReference]:
        """Named by its registry: a reference to the base image's stack would lock the two together."""
        settings, stack = self._base_images[service.base_image]
        return settings, stack, self._references[service.base_image]

    def add_service(self, service: Service) -> None:
        """A service that runs once."""
        base, base_stack, reference = self._base(service)
        state = ServiceStateStack(
            self._app, state_stack_name(service.name), settings=service, base_image=reference, env=self._env
        )
        stack = ServiceStack(
            self._app,
            stack_name(service.name),
            settings=service,
            base_image=reference,
            base_images=[*self._references.values()],
            base_settings=base,
            network=self._networks[None],
            connection_arn=self._bitbucket.connection_arn,
            docker_hub=self._settings.docker_hub,
            notifications=self._notifications(service),
            env=self._env,
        )
        stack.add_stack_dependency(self._bitbucket, "the watch must see the pipeline's first run fail")
        stack.add_stack_dependency(state, "the task definition's image is read from a parameter there")
        stack.add_stack_dependency(base_stack, "until its first release the service runs the base image")
        self._removal.apply(service.name, state, stack)

    def add_service_with_environments(self, service: Service) -> None:
        """A service that runs in several places, and one pipeline to all of them."""
        base, _, reference = self._base(service)
        repository = ServiceRepositoryStack(
            self._app,
            state_stack_name(service.name),
            settings=service,
            pull_accounts=other_accounts(self._settings, [service]),
            released_from=[
                (where.account, ReleaseNames(service.name, item.name))
                for item in service.environments
                for where in (self._places[item.name],)
                # A state machine tags images of its own Region only.
                if where.account and not where.region
            ],
            env=self._env,
        )
        environments = [self._add_environment(service, item) for item in service.environments]
        stages = [stage for stage, _ in environments]
        artifacts = {stage.region: self._artifacts[stage.region] for stage in stages if stage.region}
        stack = PipelineStack(
            self._app,
            stack_name(service.name),
            settings=service,
            stages=stages,
            base_image=reference,
            base_settings=base,
            connection_arn=self._bitbucket.connection_arn,
            docker_hub=self._settings.docker_hub,
            notifications=self._notifications(service),
            artifacts=artifacts,
            env=self._env,
        )
        stack.add_stack_dependency(self._bitbucket, "the watch must see the pipeline's first run fail")
        stack.add_stack_dependency(repository, "builds push to the repository there")
        for artifacts_stack in artifacts.values():
            stack.add_stack_dependency(artifacts_stack, "CodePipeline wants a bucket in each Region")
        for _, environment_stack in environments:
            stack.add_stack_dependency(environment_stack, "the pipeline starts at once, and releases there")
        self._removal.apply(service.name, repository, stack)

    def _add_environment(
        self, service: Service, environment: ServiceEnvironment
    ) -> tuple[ReleaseStage, EnvironmentStack]:
        _, base_stack, reference = self._base(service)
        where = self._places[environment.name]
        names = ReleaseNames(service.name, environment.name)
        minutes = environment.approval_timeout
        stage = ReleaseStage(
            names,
            approval=environment.approval,
            approval_timeout=Duration.minutes(minutes) if minutes else None,
            account=where.account,
            region=where.region,
        )
        env = self._env_of(where)
        state = EnvironmentStateStack(
            self._app, state_stack_name(names.deployed_name), names=names, base_image=reference, env=env
        )
        stack = EnvironmentStack(
            self._app,
            environment_stack_name(service.name, environment.name),
            settings=in_environment(service, environment),
            stage=stage,
            base_image=reference,
            base_images=[*self._references.values()],
            network=self._networks[None if where.is_shared else environment.name],
            pipeline_account=self._account,
            pipeline_region=self._region,
            notifications=self._notifications(service),
            env=env,
        )
        stack.add_stack_dependency(state, "the task definition's image is read from a parameter there")
        stack.add_stack_dependency(base_stack, "until its first release the service runs the base image")
        self._removal.apply(service.name, state, stack)
        return stage, stack

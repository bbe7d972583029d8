"""What outlives the other stacks of a service: its images, and the record of its releases."""

from __future__ import annotations

from aws_cdk import Environment
from constructs import Construct

from pythonbase import ReleaseNames, ReleaseParameters, ReleaseRepository, ReleaseState
from stacks.platform_stack import PlatformStack
from stacks.services.parts import ServiceParts


class ServiceStateStack(PlatformStack):
    """Images and record of a service without environments."""

    def __init__(self, scope: Construct, construct_id: str, *, parts: ServiceParts, env: Environment) -> None:
        name = parts.settings.name
        super().__init__(
            scope, construct_id, env=env, description=f"Images and releases of {name}", termination_protection=True
        )
        self.release = ReleaseState(self, "Release", service_name=name, base_image=parts.base_image)


class ServiceRepositoryStack(PlatformStack):
    """Images of a service with environments."""

    def __init__(self, scope: Construct, construct_id: str, *, parts: ServiceParts, env: Environment) -> None:
        name = parts.settings.name
        super().__init__(scope, construct_id, env=env, description=f"Images of {name}", termination_protection=True)
        # The same construct id as in ServiceStateStack: a service that gets environments keeps its repository.
        self.release = ReleaseRepository(
            self,
            "Release",
            service_name=name,
            pull_accounts=sorted({stage.account for stage in parts.stages if stage.account}),
            # A state machine tags images of its own Region only.
            released_from=[
                (stage.account, stage.names) for stage in parts.stages if stage.account and not stage.region
            ],
        )


class EnvironmentStateStack(PlatformStack):
    """Record of a service in one environment."""

    def __init__(
        self, scope: Construct, construct_id: str, *, parts: ServiceParts, names: ReleaseNames, env: Environment
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=f"Releases of {names.deployed_name}",
            termination_protection=True,
        )
        self.release = ReleaseParameters(self, "Release", names=names, base_image=parts.base_image)

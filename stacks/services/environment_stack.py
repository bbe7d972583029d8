"""The stack of a service in one of its environments."""

from __future__ import annotations

from aws_cdk import Environment
from constructs import Construct

from pythonbase import Network, ReleaseStage, ReleaseStarter
from pythonbase_settings.names import state_stack_name
from stacks.platform_stack import PlatformStack
from stacks.services.description import with_kept
from stacks.services.parts import ServiceParts
from stacks.services.state_stacks import ServiceRepositoryStack
from stacks.services.web_service import add_alarms, add_web_service


class EnvironmentStack(PlatformStack):
    """A service in one environment.

    In another account it also has the role with which the pipeline starts its releases.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parts: ServiceParts,
        stage: ReleaseStage,
        network: Network,
        repository: ServiceRepositoryStack,
        env: Environment,
    ) -> None:
        names = stage.names
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=with_kept(
                f"Service {names.service_name} in {names.environment_name}",
                f"the images (stack {state_stack_name(names.service_name)})",
                f"the releases (stack {state_stack_name(names.deployed_name)})",
                "the logs",
            ),
        )
        self.service = add_web_service(
            self,
            parts,
            names=names,
            network=network,
            repository_account=repository.account if stage.account else None,
            repository_region=repository.region if stage.region else None,
        )
        add_alarms(self, parts, self.service)
        if stage.account:
            ReleaseStarter(self, "Starter", stage=stage, pipeline_account=repository.account)

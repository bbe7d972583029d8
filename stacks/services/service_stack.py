"""The stack of a service without environments."""

from __future__ import annotations

from aws_cdk import Environment
from constructs import Construct

from pythonbase import Network, ReleaseNames
from pythonbase_settings.names import state_stack_name
from stacks.platform_stack import PlatformStack
from stacks.services.description import with_kept
from stacks.services.parts import ServiceParts
from stacks.services.pipeline import add_pipeline
from stacks.services.web_service import add_alarms, add_web_service


class ServiceStack(PlatformStack):
    """A service without environments, and its pipeline."""

    def __init__(
        self, scope: Construct, construct_id: str, *, parts: ServiceParts, network: Network, env: Environment
    ) -> None:
        name = parts.settings.name
        super().__init__(
            scope,
            construct_id,
            env=env,
            description=with_kept(
                f"Service {name} and its pipeline",
                f"the images and releases (stack {state_stack_name(name)})",
                "the logs",
                "the pipeline's artifacts",
            ),
        )
        self.service = add_web_service(self, parts, names=ReleaseNames(name), network=network)
        self.pipeline = add_pipeline(self, parts, service=self.service)
        add_alarms(self, parts, self.service)

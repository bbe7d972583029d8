"""The stack ``BuildStatus``."""

from __future__ import annotations

from aws_cdk import Environment
from constructs import Construct

from pythonbase import BuildStatuses
from stacks.platform_stack import PlatformStack


class BuildStatusStack(PlatformStack):
    """What writes results of all services' pipelines to Bitbucket."""

    def __init__(
        self, scope: Construct, construct_id: str, *, connection_arn: str, credentials: str, env: Environment
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Results of pipelines as build statuses in Bitbucket"
        )
        self.statuses = BuildStatuses(
            self, "Statuses", connection_arn=connection_arn, credentials=self.secret("Credentials", credentials)
        )

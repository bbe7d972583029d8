"""The stack ``Bitbucket``."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, RemovalPolicy
from aws_cdk import aws_codeconnections as codeconnections
from constructs import Construct

from pythonbase import BuildQueueWatch, ConnectionWatch
from pythonbase_settings import Bitbucket
from stacks.platform_stack import PlatformStack


class BitbucketStack(PlatformStack):
    """The connection to Bitbucket, unless one is given, and the watches over its pipelines.

    A new connection starts PENDING: a person finishes the handshake in the console, once. It is retained and the stack
    protected, because a new connection would need a new handshake.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Bitbucket, env: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Connection to Bitbucket",
            termination_protection=True,
        )
        self.connection_arn: str = settings.connection_arn or self._create_connection(settings.connection_name)
        ConnectionWatch(self, "Watch", connection_arn=self.connection_arn)
        BuildQueueWatch(self, "BuildQueue", connection_arn=self.connection_arn)

    def _create_connection(self, name: str) -> str:
        connection = codeconnections.CfnConnection(self, "Connection", connection_name=name, provider_type="Bitbucket")
        connection.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        CfnOutput(self, "ConnectionArn", value=connection.ref, description="Finish its handshake in the console")
        return connection.ref

"""The stack ``Bitbucket``."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, RemovalPolicy
from aws_cdk import aws_codeconnections as codeconnections
from constructs import Construct

from stacks.platform_stack import PlatformStack


class BitbucketStack(PlatformStack):
    """The connection to Bitbucket. It starts PENDING: a person finishes the handshake in the console, once.

    The connection is retained and the stack protected, because a new connection would need a new handshake.
    """

    def __init__(self, scope: Construct, construct_id: str, *, connection_name: str, env: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Connection to Bitbucket",
            termination_protection=True,
        )
        connection = codeconnections.CfnConnection(
            self, "Connection", connection_name=connection_name, provider_type="Bitbucket"
        )
        connection.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self.connection_arn: str = connection.ref
        CfnOutput(self, "ConnectionArn", value=self.connection_arn, description="Finish its handshake in the console")

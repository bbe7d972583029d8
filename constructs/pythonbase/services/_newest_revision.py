"""The task definition revision that a service is deployed with: the template's, with the released image."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CustomResource, Duration, RemovalPolicy
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources as custom
from constructs import Construct

from pythonbase.lambda_code import RUNTIME, handler_code
from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.provider_framework import acknowledge_provider
from pythonbase.releases.names import ReleaseNames
from pythonbase.releases.revisions import ECS_PERMISSIONS, register_revisions, revisions_of

_HANDLER = Path(__file__).parent / "handlers" / "newest_revision"


class NewestRevision(Construct):
    """Ensures that the newest revision of a family is the template's task definition with the recorded image.

    A service that names the family without a revision is deployed with its newest one. CloudFormation itself stores
    the revision of the last deployment, however old its image is; for a stack that was deployed once, it has the
    placeholder. CloudFormation would return to that revision when a deployment fails or when it reverts drift. This
    custom resource is between the task definition and the service. It runs when the template's task definition changes
    and when CloudFormation rolls such a change back. It registers a revision if the newest one differs.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        names: Which service and environment.
        task_definition: The template's task definition.
        passed_roles: Its task role and execution role.
        container_name: The container whose image is released.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: ReleaseNames,
        task_definition: ecs.TaskDefinition,
        passed_roles: list[iam.IRole],
        container_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.THREE_MONTHS, removal_policy=RemovalPolicy.DESTROY
        )
        self.role: iam.Role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Registers task definitions of {names.deployed_name} with the released image",
        )
        log_group.grant_write(self.role)
        for statement in (
            *register_revisions(self, names),
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn for role in passed_roles],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
            iam.PolicyStatement(
                actions=["ssm:GetParameter"], resources=[names.parameter_arn(self, names.image_parameter)]
            ),
        ):
            self.role.add_to_policy(statement)
        function = lambda_.Function(
            self,
            "Function",
            runtime=RUNTIME,
            code=handler_code(_HANDLER),
            handler="index.on_event",
            role=self.role.without_policy_updates(),
            timeout=Duration.minutes(5),
            # The rate limit of RegisterTaskDefinition refills by one request per second, for the whole account.
            environment={"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "12"},
            log_group=log_group,
            description=f"Gives the newest task definition of {names.deployed_name} the released image",
        )
        provider = custom.Provider(self, "Provider", on_event_handler=function, log_group=log_group)
        self.resource = CustomResource(
            self,
            "Default",
            resource_type="Custom::NewestRevision",
            service_token=provider.service_token,
            properties={
                "Family": names.deployed_name,
                "TaskDefinition": task_definition.task_definition_arn,
                "ImageParameter": names.image_parameter,
                "ContainerName": container_name,
            },
        )
        # The function needs its permissions, which are a separate resource.
        self.resource.node.add_dependency(self.role)
        acknowledge(
            self.role,
            {
                "AwsSolutions-IAM5[Resource::*]": "to read a task definition there are no resource-level permissions: "
                f"{ECS_PERMISSIONS}",
                wildcard_resource(self.role, revisions_of(self, names)): (
                    "every revision of this one task definition: a new one is registered"
                ),
            },
        )
        acknowledge_provider(provider, [function])

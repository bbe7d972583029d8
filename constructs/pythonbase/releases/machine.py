"""The state machine that releases an image to a service."""

from __future__ import annotations

import json

from aws_cdk import Duration, Fn, Stack, Tags
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.trust import for_own_account
from pythonbase.releases.locks import lock_keys, release_locks
from pythonbase.releases.names import CLUSTER_TAG, ReleaseNames
from pythonbase.releases.revisions import ECS_PERMISSIONS, register_revisions, revisions_of
from pythonbase.releases.steps import ReleaseTarget, release_steps


class ReleaseMachine(Construct):
    """A state machine that releases an image to an ECS service. It uses no Lambda functions.

    An execution registers a revision of the service's task definition with the new image, updates the service, waits
    until ECS has completed the deployment, checks which digest the tasks run, and only then writes the SSM parameters
    of the release. If ECS rolls back, the execution fails within seconds, with ECS's messages. If the record cannot be
    written, it restores the previous version of the service. If something cannot be read, it restores nothing.
    Executions for one service wait for each other, at most for an hour or two of the slowest deployments. If the
    service's template is deployed at the same time, the release starts again from the newer template. The definition
    contains the time limit of an execution.

    Input, all optional: ``{"image": "<repository>@<digest>", "baseImage", "commit", "by", "why", "now"}``. Without an
    image it releases the recorded image, if another image runs. ``now: true`` stops the release that runs.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        names: Which service and environment.
        service: The ECS service.
        passed_roles: Task role and execution role of its task definition.
        container_name: The container whose image is released.
        repository_account: The AWS account of the service's ECR repository and pipeline. Default: the stack's.
        repository_region: Their Region. Default: the stack's. Images from another Region get no tags that keep them:
            state machines call no other Region.
        locks: Table of the releases that run (``Network.release_locks``). Default: a new table.
        timeout: How long a deployment may take. Default: 30 minutes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: ReleaseNames,
        service: ecs.FargateService,
        passed_roles: list[iam.IRole],
        container_name: str,
        repository_account: str | None = None,
        repository_region: str | None = None,
        locks: dynamodb.ITable | None = None,
        timeout: Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self._names = names
        self._account = repository_account or stack.account
        self._region = repository_region or stack.region
        self._repository_is_here = repository_region is None
        table = locks or release_locks(self, "Locks")
        role = iam.Role(
            self,
            "Role",
            # The policy of a repository in another account names it.
            role_name=names.release_role_name if repository_account and not repository_region else None,
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description=f"Releases {names.deployed_name}",
        )
        for_own_account(role)
        for statement in self._statements(service, passed_roles, table):
            role.add_to_policy(statement)
        # A text without references: each would be read anew where it appears, and other stacks' outputs by a call of
        # DescribeStacks each time: https://github.com/aws/aws-cdk/issues/38010
        target = ReleaseTarget(
            names=names,
            cluster_name="${Cluster}",
            container_name=container_name,
            registry_id="${Registry}",
            repository_is_here=self._repository_is_here,
            repository_uri="${Repository}",
            locks_table="${Locks}",
            timeout_seconds=int((timeout or Duration.minutes(30)).to_seconds()),
        )
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=names.state_machine_name,
            definition_body=sfn.DefinitionBody.from_string(json.dumps(release_steps(target))),
            definition_substitutions={
                "Cluster": cluster_of(service),
                "Locks": table.table_name,
                "Partition": stack.partition,
                "Registry": self._account,
                "Repository": f"{self._account}.dkr.ecr.{self._region}.{stack.url_suffix}/{names.repository_name}",
            },
            role=role.without_policy_updates(),
        )
        # An execution that starts before its role may do anything would fail.
        self.state_machine.node.add_dependency(role)
        Tags.of(self.state_machine).add(CLUSTER_TAG, cluster_of(service))
        acknowledge(
            self.state_machine,
            {
                "AwsSolutions-SF1": "Step Functions keeps the executions with all their events for 90 days",
                "AwsSolutions-SF2": "one execution for each release; there is nothing to trace beyond its events",
            },
        )
        self._acknowledge_wildcards(role, self._tasks(service))

    def _statements(
        self, service: ecs.FargateService, passed_roles: list[iam.IRole], table: dynamodb.ITable
    ) -> list[iam.PolicyStatement]:
        names = self._names
        cluster = Stack.of(self).format_arn(service="ecs", resource="cluster", resource_name=cluster_of(service))
        parameters = [names.image_parameter, names.base_image_parameter, names.release_parameter]
        return [
            iam.PolicyStatement(actions=["ecs:DescribeServices", "ecs:UpdateService"], resources=[service.service_arn]),
            iam.PolicyStatement(
                actions=["ecs:ListTasks"], resources=["*"], conditions={"ArnEquals": {"ecs:cluster": cluster}}
            ),
            iam.PolicyStatement(
                actions=["ecs:DescribeTasks"],
                resources=[self._tasks(service)],
                conditions={"ArnEquals": {"ecs:cluster": cluster}},
            ),
            *register_revisions(self, names),
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn for role in passed_roles],
                conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
            *self._keep_images(),
            iam.PolicyStatement(
                actions=["ssm:PutParameter"], resources=[names.parameter_arn(self, name) for name in parameters]
            ),
            iam.PolicyStatement(
                actions=["ssm:GetParameter"], resources=[names.parameter_arn(self, names.image_parameter)]
            ),
            iam.PolicyStatement(
                actions=["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
                resources=[table.table_arn],
                # Its own items only: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
                conditions={
                    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [*lock_keys(names.deployed_name)]},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            ),
            iam.PolicyStatement(
                actions=["states:DescribeExecution", "states:StopExecution"],
                resources=[self._names.execution_arns(self)],
            ),
            *self._ask_the_pipeline(),
        ]

    def _keep_images(self) -> list[iam.PolicyStatement]:
        if not self._repository_is_here:
            return []
        return [
            iam.PolicyStatement(
                actions=["ecr:BatchGetImage", "ecr:PutImage"],
                resources=[self._names.repository_arn(self, account=self._account, region=self._region)],
            )
        ]

    def _ask_the_pipeline(self) -> list[iam.PolicyStatement]:
        """For a pipeline in the same account and Region; another names itself in no input: see ``AppPipeline``."""
        stack = Stack.of(self)
        if (self._account, self._region) != (stack.account, stack.region):
            return []
        return [
            iam.PolicyStatement(
                actions=["codepipeline:GetPipelineExecution", "codepipeline:GetPipelineState"],
                resources=[self._names.pipeline_arn(self)],
            )
        ]

    def _acknowledge_wildcards(self, role: iam.Role, tasks: str) -> None:
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "to read task definitions there are no resource-level permissions, "
                "and to list tasks (here of one cluster only) those for a container instance, which tasks on Fargate "
                f"do not have: {ECS_PERMISSIONS}",
                wildcard_resource(role, tasks): (
                    "every task of this one cluster: the ids of the service's tasks are not known before"
                ),
                wildcard_resource(role, revisions_of(self, self._names)): (
                    "every revision of this one task definition: each release registers one"
                ),
                wildcard_resource(role, self._names.execution_arns(self)): (
                    "every execution of this one state machine: a release sees whether the one before it still runs, "
                    "and an emergency rollback stops it"
                ),
            },
        )

    def _tasks(self, service: ecs.FargateService) -> str:
        return Stack.of(self).format_arn(service="ecs", resource="task", resource_name=f"{cluster_of(service)}/*")


def cluster_of(service: ecs.FargateService) -> str:
    """Name of the cluster, from the service's own ARN: a reference to another stack is one call more at each update."""
    return Fn.select(1, Fn.split("/", service.service_arn))

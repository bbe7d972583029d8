"""The state machine that finds services that do not run the recorded image, and starts its release."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pythonbase.permissions.acknowledge import acknowledge, wildcard_resource
from pythonbase.permissions.trust import for_own_account
from pythonbase.releases._reconciler_steps import reconciler_steps
from pythonbase.releases.names import CLUSTER_TAG, RELEASE_MACHINE_SUFFIX


class ReleaseReconciler(Construct):
    """A state machine that releases recorded images again, for the services of one cluster.

    There are two cases in which a service runs an older image than recorded. A release ends after CloudFormation has
    read the recorded image, and before CloudFormation updates the service. Or the deployment of a template fails, and
    is rolled back to the task definition of the deployment before it, with the image of that time. The ECS event of a
    completed deployment
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html) starts this state
    machine for its service. Because events can be lost, a schedule starts it for all services. It compares a few
    services at a time before it starts anything: 1,000 services are about 2,200 state transitions.

    A service has the tag ``pythonbase:record``, which names the SSM parameter of its released image. From the name of
    an ECS service alone, a service and an environment cannot be told apart.

    One for each cluster, not one rule for each service: an event bus has at most 300 rules.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        cluster: The cluster.
        interval: How often all services are compared. Default: every hour.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, cluster: ecs.ICluster, interval: Duration | None = None
    ) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        machines = stack.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=f"*{RELEASE_MACHINE_SUFFIX}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        services = stack.format_arn(service="ecs", resource="service", resource_name=f"{cluster.cluster_name}/*")
        records = stack.format_arn(service="ssm", resource="parameter", resource_name="pythonbase/services/*")
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="Starts releases of what is recorded",
        )
        for_own_account(role)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["states:StartExecution"],
                resources=[machines],
                # https://docs.aws.amazon.com/step-functions/latest/dg/tag-based-policies.html
                conditions={"StringEquals": {f"aws:ResourceTag/{CLUSTER_TAG}": cluster.cluster_name}},
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:ListServices"],
                resources=["*"],
                conditions={"ArnEquals": {"ecs:cluster": cluster.cluster_arn}},
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["ecs:DescribeServices"], resources=[services]))
        role.add_to_policy(iam.PolicyStatement(actions=["ecs:DescribeTaskDefinition"], resources=["*"]))
        role.add_to_policy(iam.PolicyStatement(actions=["ssm:GetParameters"], resources=[records]))
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(
                stack.to_json_string(reconciler_steps(cluster.cluster_name, machines.partition("*")[0]))
            ),
            definition_substitutions={"Partition": stack.partition},
            role=role.without_policy_updates(),
        )
        self.state_machine.node.add_dependency(role)
        events.Rule(
            self,
            "Deployed",
            description="A deployment of a service was completed",
            event_pattern=events.EventPattern(
                source=["aws.ecs"],
                detail_type=["ECS Deployment State Change"],
                detail={"eventName": ["SERVICE_DEPLOYMENT_COMPLETED"]},
            ),
            targets=[event_targets.SfnStateMachine(self.state_machine)],
        )
        for_own_account(self.state_machine.node.find_child("EventsRole"))
        scheduler.Schedule(
            self,
            "Schedule",
            schedule=scheduler.ScheduleExpression.rate(interval or Duration.hours(1)),
            target=scheduler_targets.StepFunctionsStartExecution(
                self.state_machine, input=scheduler.ScheduleTargetInput.from_object({})
            ),
            description="Events can be lost",
        )
        self._acknowledge(role, machines, services, records)

    def _acknowledge(self, role: iam.Role, machines: str, services: str, records: str) -> None:
        acknowledge(
            self.state_machine,
            {
                "AwsSolutions-SF1": "it starts executions, which Step Functions keeps with their events for 90 days",
                "AwsSolutions-SF2": "it starts other executions; there is nothing to trace",
            },
        )
        acknowledge(
            role,
            {
                wildcard_resource(
                    role, machines
                ): "the release state machines of the cluster's services, by their tag and the end of their names",
                wildcard_resource(
                    role, services
                ): "the services of this one cluster, which come and go without its stack",
                wildcard_resource(role, records): "the records of all services' releases, to read",
                "AwsSolutions-IAM5[Resource::*]": "lists of services (here of one cluster only) and task definitions "
                "have no resource-level permissions: https://docs.aws.amazon.com/service-authorization/latest/reference/"
                "list_amazonelasticcontainerservice.html",
            },
        )

"""Finds services that run something else than what is recorded, and has the recorded image released."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as event_targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from pythonbase._acknowledge import acknowledge, wildcard_resource
from pythonbase.release import RELEASE_MACHINE_SUFFIX

_EVENT_NAME = "{% $split($states.input.detail.deploymentId, '/')[-1] %}"
"""One execution for each deployment: ECS rolls a failed one back to the one before, whose completion is told again. A
recorded image that cannot run on the present template must not be tried again and again."""


class ReleaseReconciler(Construct):
    """A state machine that starts the release of what is recorded, for services of one cluster.

    A deployment of a service's template can overtake a release: CloudFormation has read the released image, the release
    ends, and then CloudFormation updates the service. A template deployment that fails is rolled back to the task
    definition of the one before, with the image of that time. Both leave a service with an older image than recorded.
    ECS's event of a completed deployment
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html) starts this machine
    for that service; because events can be lost, a schedule starts it for all. A release of what runs already changes
    nothing.

    One for each cluster, not one rule for each service: an event bus holds 300 rules.

    Args:
        scope: Parent.
        construct_id: Id in the parent.
        cluster: The cluster.
        interval: How often all services are looked at. Default: every hour.
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
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="Starts releases of what is recorded",
        )
        role.add_to_policy(iam.PolicyStatement(actions=["states:StartExecution"], resources=[machines]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:ListServices"],
                resources=["*"],
                conditions={"ArnEquals": {"ecs:cluster": cluster.cluster_arn}},
            )
        )
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(
                stack.to_json_string(_steps(cluster.cluster_name, machines.partition("*")[0]))
            ),
            role=role.without_policy_updates(),
            timeout=Duration.minutes(15),
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
        scheduler.Schedule(
            self,
            "Schedule",
            schedule=scheduler.ScheduleExpression.rate(interval or Duration.hours(1)),
            target=scheduler_targets.StepFunctionsStartExecution(
                self.state_machine, input=scheduler.ScheduleTargetInput.from_object({})
            ),
            description="Events can be lost",
        )
        self._acknowledge(role, machines)

    def _acknowledge(self, role: iam.Role, machines: str) -> None:
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
                ): "the release state machines of all services, by the end of their names",
                "AwsSolutions-IAM5[Resource::*]": "lists of services (here of one cluster only) have no resource-level "
                "permissions: https://docs.aws.amazon.com/service-authorization/latest/reference/"
                "list_amazonelasticcontainerservice.html",
            },
        )


def _steps(cluster_name: str, machines: str) -> dict[str, Any]:
    """``machines``: the ARN of release state machines up to the name of the service."""
    return {
        "Comment": "Releases what is recorded where something else runs",
        "QueryLanguage": "JSONata",
        "StartAt": "WhichServices",
        "States": {
            "WhichServices": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $exists($states.input.resources) %}", "Next": "OfTheEvent"}],
                "Default": "First",
            },
            # arn:aws:ecs:<region>:<account>:service/<cluster>/<service>
            "OfTheEvent": {
                "Type": "Pass",
                "Assign": {"next": "", "name": _EVENT_NAME, "failed": False},
                "Output": {
                    "ServiceArns": f"{{% [$states.input.resources[$contains($, ':service/{cluster_name}/')]] %}}"
                },
                "Next": "Each",
            },
            "First": {"Type": "Pass", "Assign": {"next": "", "name": "", "failed": False}, "Next": "List"},
            "List": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:ecs:listServices",
                "Arguments": (
                    f"{{% $merge([{{'Cluster': '{cluster_name}', 'MaxResults': 100}}, "
                    "$next = '' ? {} : {'NextToken': $next}]) %}"
                ),
                "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 5}],
                "Assign": {"next": "{% $exists($states.result.NextToken) ? $states.result.NextToken : '' %}"},
                "Output": {"ServiceArns": "{% [$states.result.ServiceArns] %}"},
                "Next": "Each",
            },
            "Each": {
                "Type": "Map",
                "Items": "{% $states.input.ServiceArns %}",
                # StartExecution has a bucket of 500 to 1,300 and refills 150 to 300 a second:
                # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
                "MaxConcurrency": 10,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "Release",
                    "States": {
                        "Release": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution",
                            "Arguments": (
                                "{% ($service := $split($states.input, '/')[-1]; $merge([{'StateMachineArn': "
                                f"'{machines}' & $service & '{RELEASE_MACHINE_SUFFIX}', 'Input': '{{}}'}}, "
                                "$name = '' ? {} : {'Name': $substring($service, 0, 50) & '-' & $name}])) %}"
                            ),
                            "Retry": [
                                {
                                    "ErrorEquals": ["Sfn.SfnException", "Sfn.SdkClientException"],
                                    "IntervalSeconds": 2,
                                    "BackoffRate": 2,
                                    "MaxAttempts": 5,
                                }
                            ],
                            "Catch": [
                                {
                                    "ErrorEquals": [
                                        # services of the cluster that somebody else made
                                        "Sfn.StateMachineDoesNotExistException",
                                        "Sfn.InvalidArnException",
                                        # this deployment was looked at before
                                        "Sfn.ExecutionAlreadyExistsException",
                                    ],
                                    "Next": "Nothing",
                                },
                                {"ErrorEquals": ["States.ALL"], "Next": "NotStarted"},
                            ],
                            "Output": {"failed": False},
                            "End": True,
                        },
                        "Nothing": {"Type": "Pass", "Output": {"failed": False}, "End": True},
                        "NotStarted": {"Type": "Pass", "Output": {"failed": True}, "End": True},
                    },
                },
                "Assign": {"failed": "{% $failed or $count($states.result[failed]) > 0 %}"},
                "Next": "More",
            },
            "More": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $next != '' %}", "Next": "List"},
                    {"Condition": "{% $failed %}", "Next": "Failed"},
                ],
                "Default": "Done",
            },
            "Failed": {"Type": "Fail", "Error": "Reconciler.NotStarted", "Cause": "a release could not be started"},
            "Done": {"Type": "Succeed"},
        },
    }

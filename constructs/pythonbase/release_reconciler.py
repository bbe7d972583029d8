"""Finds services that run something else than what is recorded, and has the recorded image released."""

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

from pythonbase._acknowledge import acknowledge, wildcard_resource
from pythonbase._grants import for_own_account
from pythonbase.release import CLUSTER_TAG, RECORD_TAG, RELEASE_MACHINE_SUFFIX
from pythonbase.release_steps.failures import RECONCILER
from pythonbase.release_steps.states import SERVICES, State, choice

_EVENT_NAME = "{% $split($states.input.detail.deploymentId, '/')[-1] %}"
"""One execution for each deployment: ECS rolls a failed one back to the one before, whose completion is told again. A
recorded image that cannot run on the present template must not be tried again and again."""

_BATCH = 5
"""DescribeServices takes 10, but a service comes with up to 100 events, and a state may have 256 KiB:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_LIMIT_SECONDS = 3600
_RETRY = [
    {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 2,
        "BackoffRate": 2,
        "MaxAttempts": 12,
        "MaxDelaySeconds": 30,
        "JitterStrategy": "FULL",
    }
]
_GIVE_UP = [{"ErrorEquals": ["States.ALL"], "Next": "NotLooked"}]
"""The other batches go on; the end says that one is missing."""


class ReleaseReconciler(Construct):
    """A state machine that starts the release of what is recorded, for services of one cluster.

    A deployment of a service's template can overtake a release: CloudFormation has read the released image, the release
    ends, and then CloudFormation updates the service. A template deployment that fails is rolled back to the task
    definition of the one before, with the image of that time. Both leave a service with an older image than recorded.
    ECS's event of a completed deployment
    (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html) starts this machine
    for that service; because events can be lost, a schedule starts it for all. It compares a few services at a time
    before it starts anything: 1,000 of them are about 2,200 state transitions.

    A service is known by its tag ``pythonbase:record``, which names the SSM parameter of its released image; its own
    name does not tell a service from an environment.

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
                stack.to_json_string(_steps(cluster.cluster_name, machines.partition("*")[0]))
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


def _steps(cluster_name: str, machines: str) -> State:
    """``machines``: the ARN of release state machines up to the name of the service."""
    return {
        "Comment": "Releases what is recorded where something else runs",
        "QueryLanguage": "JSONata",
        # Not an argument of the construct: https://github.com/aws/aws-cdk/issues/37150
        "TimeoutSeconds": _LIMIT_SECONDS,
        "StartAt": "WhichServices",
        "States": {
            "WhichServices": choice(("$exists($states.input.resources)", "OfTheEvent"), otherwise="First"),
            # arn:aws:ecs:<region>:<account>:service/<cluster>/<service>
            "OfTheEvent": {
                "Type": "Pass",
                "Assign": {"next": "", "name": _EVENT_NAME, "failed": False},
                "Output": f"{{% [$states.input.resources[$contains($, ':service/{cluster_name}/')]] %}}",
                "Next": "Batches",
            },
            "First": {"Type": "Pass", "Assign": {"next": "", "name": "", "failed": False}, "Next": "List"},
            "List": {
                "Type": "Task",
                "Resource": f"{SERVICES}aws-sdk:ecs:listServices",
                "Arguments": (
                    f"{{% $merge([{{'Cluster': '{cluster_name}', 'MaxResults': 100}}, "
                    "$next = '' ? {} : {'NextToken': $next}]) %}"
                ),
                "Retry": _RETRY,
                "Assign": {"next": "{% $exists($states.result.NextToken) ? $states.result.NextToken : '' %}"},
                "Output": "{% [$states.result.ServiceArns] %}",
                "Next": "Batches",
            },
            "Batches": {
                "Type": "Map",
                "Items": f"{{% $count($states.input) = 0 ? [] : $partition($states.input, {_BATCH}) %}}",
                "MaxConcurrency": 2,
                "ItemProcessor": _batch(cluster_name, machines),
                "Assign": {"failed": "{% $failed or true in $states.result %}"},
                "Next": "More",
            },
            "More": choice(("$next != ''", "List"), ("$failed", "Failed"), otherwise="Done"),
            "Failed": {
                "Type": "Fail",
                "Error": "Reconciler.Incomplete",
                "Cause": "some services could not be looked at, or their releases not be started",
            },
            "Done": {"Type": "Succeed"},
        },
    }


def _batch(cluster_name: str, machines: str) -> State:
    """A few services: which run something else than what is recorded, and the start of their releases."""
    # A deployment that is in progress tells when it is completed.
    found = (
        f"$states.result.Services[Status='ACTIVE' and Tags[Key='{RECORD_TAG}'] and "
        "($name != '' or $not(Deployments[Status='PRIMARY'].RolloutState = 'IN_PROGRESS'))]"
    )
    described = f"{{'service': ServiceName, 'definition': TaskDefinition, 'record': Tags[Key='{RECORD_TAG}'].Value}}"
    recorded = "($of := record; $parameters[Name = $of].Value)"
    return {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "Services",
        "States": {
            "Services": _read(
                "ecs:describeServices",
                {"Cluster": cluster_name, "Services": "{% $states.input %}", "Include": ["TAGS"]},
                f"{{% [{found}.{described}] %}}",
                "AreThere",
            ),
            "AreThere": choice(("$count($states.input) = 0", "Looked"), otherwise="Records"),
            "Records": _read(
                "ssm:getParameters",
                {"Names": "{% [$states.input.record] %}"},
                "{% ($parameters := $states.result.Parameters; [$states.input.$merge([$, {'image': "
                f"($exists({recorded}) ? {recorded} : '')}}])]) %}}",
                "Definitions",
            ),
            "Definitions": {
                "Type": "Map",
                "Items": "{% $states.input %}",
                # DescribeTaskDefinition refills by 20 requests a second, for the whole account:
                # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
                "MaxConcurrency": 3,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "Definition",
                    "States": {
                        "Definition": {
                            "Type": "Task",
                            "Resource": f"{SERVICES}aws-sdk:ecs:describeTaskDefinition",
                            "Arguments": {"TaskDefinition": "{% $states.input.definition %}"},
                            "Retry": _RETRY,
                            "Output": "{% {'service': $states.input.service, 'same': "
                            "$states.input.image in $states.result.TaskDefinition.ContainerDefinitions.Image} %}",
                            "End": True,
                        }
                    },
                },
                "Catch": _GIVE_UP,
                "Output": "{% [$states.result[$not(same)]] %}",
                "Next": "DoTheyDiffer",
            },
            "DoTheyDiffer": choice(("$count($states.input) = 0", "Looked"), otherwise="Releases"),
            "Releases": {
                "Type": "Map",
                "Items": "{% $states.input %}",
                # StartExecution has a bucket of 500 to 1,300 and refills 150 to 300 a second:
                # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
                "MaxConcurrency": 5,
                "ItemProcessor": _start(machines),
                "Output": "{% true in $states.result %}",
                "End": True,
            },
            "Looked": {"Type": "Pass", "Output": False, "End": True},
            "NotLooked": {"Type": "Pass", "Output": True, "End": True},
        },
    }


def _read(api: str, arguments: State, output: str, then: str) -> State:
    return {
        "Type": "Task",
        "Resource": f"{SERVICES}aws-sdk:{api}",
        "Arguments": arguments,
        "Retry": _RETRY,
        "Catch": _GIVE_UP,
        "Output": output,
        "Next": then,
    }


def _start(machines: str) -> State:
    """Start the release of one service; the output says whether that failed."""
    given = f"{{'by': '{RECONCILER}', 'why': 'something else ran than what is recorded'}}"
    return {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "Release",
        "States": {
            "Release": {
                "Type": "Task",
                "Resource": f"{SERVICES}aws-sdk:sfn:startExecution",
                "Arguments": (
                    f"{{% ($service := $states.input.service; $merge([{{'StateMachineArn': '{machines}' & $service & "
                    f"'{RELEASE_MACHINE_SUFFIX}', 'Input': $string({given})}}, "
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
                    # This deployment was looked at before.
                    {"ErrorEquals": ["Sfn.ExecutionAlreadyExistsException"], "Next": "Nothing"},
                    {"ErrorEquals": ["States.ALL"], "Next": "NotStarted"},
                ],
                "Output": False,
                "End": True,
            },
            "Nothing": {"Type": "Pass", "Output": False, "End": True},
            "NotStarted": {"Type": "Pass", "Output": True, "End": True},
        },
    }

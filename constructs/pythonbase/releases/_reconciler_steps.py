"""The steps of the reconciler, in the Amazon States Language: compare what runs with what is recorded, start releases.

Pure data; ``ReleaseReconciler`` gives it a role.
"""

from __future__ import annotations

from pythonbase.releases.names import RECORD_TAG, RELEASE_MACHINE_SUFFIX
from pythonbase.releases.steps.failures import RECONCILER
from pythonbase.releases.steps.states import SERVICES, State, choice

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


def reconciler_steps(cluster_name: str, machines: str) -> State:
    """The definition of the state machine.

    Args:
        cluster_name: Name of the ECS cluster.
        machines: The ARN of release state machines up to the name of the service.
    """
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

"""The steps of the reconciler: compare what runs with what is recorded, and start releases.

Pure data; ``ReleaseReconciler`` gives it a role.
"""

from __future__ import annotations

from pythonbase.releases.names import RECORD_TAG, RELEASE_MACHINE_SUFFIX
from pythonbase.releases.steps.failures import RECONCILER
from pythonbase.state_machines.definition import definition
from pythonbase.state_machines.errors import ANY_ERROR, catch, retry
from pythonbase.state_machines.states import (
    State,
    States,
    choice,
    fail,
    jsonata,
    map_state,
    pass_state,
    succeed,
    task,
)

VARIABLES = {
    "next": "token of the next page of services; empty if there is none",
    "name": "id of the deployment whose event started the execution; empty if the schedule started it",
    "failed": "whether a batch of services could not be compared, or a release could not be started",
}
"""The variables of the reconciler, with what they mean."""

_EVENT_NAME = "$split($states.input.detail.deploymentId, '/')[-1]"
"""One execution for each deployment. ECS rolls a failed deployment back to the one before, which sends its event of a
completed deployment again. A recorded image that cannot run with the present template must not be retried for ever."""

_BATCH = 5
"""DescribeServices takes 10, but a service comes with up to 100 events, and a state may have 256 KiB:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_LIMIT_SECONDS = 3600
_RETRY = retry(ANY_ERROR, attempts=12, longest_delay=30)
_GIVE_UP = catch(ANY_ERROR, then="NotLooked")
"""The other batches continue; the execution fails in the end."""


def reconciler_steps(cluster_name: str, machines: str) -> State:
    """The definition of the state machine.

    Args:
        cluster_name: Name of the ECS cluster.
        machines: The ARN of release state machines up to the name of the service.
    """
    first = {"next": "", "name": "", "failed": False}
    # arn:aws:ecs:<region>:<account>:service/<cluster>/<service>
    of_this_cluster = f"$contains($, ':service/{cluster_name}/')"
    return definition(
        "Releases what is recorded where something else runs",
        {
            "WhichServices": choice(("$exists($states.input.resources)", "OfTheEvent"), otherwise="First"),
            "OfTheEvent": pass_state(
                assign={**first, "name": jsonata(_EVENT_NAME)},
                output=jsonata(f"[$states.input.resources[{of_this_cluster}]]"),
                then="Batches",
            ),
            "First": pass_state(assign=first, then="List"),
            "List": task(
                "aws-sdk:ecs:listServices",
                jsonata(
                    f"$merge([{{'Cluster': '{cluster_name}', 'MaxResults': 100}}, "
                    "$next = '' ? {} : {'NextToken': $next}])"
                ),
                retries=[_RETRY],
                assign={"next": jsonata("$exists($states.result.NextToken) ? $states.result.NextToken : ''")},
                output=jsonata("[$states.result.ServiceArns]"),
                then="Batches",
            ),
            "Batches": map_state(
                jsonata(f"$count($states.input) = 0 ? [] : $partition($states.input, {_BATCH})"),
                _batch(cluster_name, machines),
                concurrency=2,
                assign={"failed": jsonata("$failed or true in $states.result")},
                then="More",
            ),
            "More": choice(("$next != ''", "List"), ("$failed", "Failed"), otherwise="Done"),
            "Failed": fail(
                error="Reconciler.Incomplete",
                cause="some services could not be looked at, or their releases not be started",
            ),
            "Done": succeed(),
        },
        timeout_seconds=_LIMIT_SECONDS,
    )


def _batch(cluster_name: str, machines: str) -> States:
    """Compare a few services, and start the releases of those that run another image than the recorded one.

    The output says whether something has failed.
    """
    # The end of a deployment that is in progress sends an event of its own.
    found = (
        f"$states.result.Services[Status='ACTIVE' and Tags[Key='{RECORD_TAG}'] and "
        "($name != '' or $not(Deployments[Status='PRIMARY'].RolloutState = 'IN_PROGRESS'))]"
    )
    described = f"{{'service': ServiceName, 'definition': TaskDefinition, 'record': Tags[Key='{RECORD_TAG}'].Value}}"
    recorded = "($of := record; $parameters[Name = $of].Value)"
    return {
        "Services": _read(
            "ecs:describeServices",
            {"Cluster": cluster_name, "Services": jsonata("$states.input"), "Include": ["TAGS"]},
            output=f"[{found}.{described}]",
            then="AreThere",
        ),
        "AreThere": choice(("$count($states.input) = 0", "Looked"), otherwise="Records"),
        "Records": _read(
            "ssm:getParameters",
            {"Names": jsonata("[$states.input.record]")},
            output="($parameters := $states.result.Parameters; [$states.input.$merge([$, {'image': "
            f"($exists({recorded}) ? {recorded} : '')}}])])",
            then="Definitions",
        ),
        "Definitions": map_state(
            jsonata("$states.input"),
            _compare(),
            # DescribeTaskDefinition refills by 20 requests a second, for the whole account:
            # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
            concurrency=3,
            catches=[_GIVE_UP],
            output=jsonata("[$states.result[$not(same)]]"),
            then="DoTheyDiffer",
        ),
        "DoTheyDiffer": choice(("$count($states.input) = 0", "Looked"), otherwise="Releases"),
        "Releases": map_state(
            jsonata("$states.input"),
            _start(machines),
            # StartExecution has a bucket of 500 to 1,300 and refills 150 to 300 a second:
            # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
            concurrency=5,
            output=jsonata("true in $states.result"),
        ),
        "Looked": pass_state(output=False),
        "NotLooked": pass_state(output=True),
    }


def _read(api: str, arguments: State, *, output: str, then: str) -> State:
    return task(f"aws-sdk:{api}", arguments, retries=[_RETRY], catches=[_GIVE_UP], output=jsonata(output), then=then)


def _compare() -> States:
    """Compare the image of one service with the recorded image."""
    same = "$states.input.image in $states.result.TaskDefinition.ContainerDefinitions.Image"
    return {
        "Definition": task(
            "aws-sdk:ecs:describeTaskDefinition",
            {"TaskDefinition": jsonata("$states.input.definition")},
            retries=[_RETRY],
            output=jsonata(f"{{'service': $states.input.service, 'same': {same}}}"),
        )
    }


def _start(machines: str) -> States:
    """Start the release of one service. The output says whether that has failed."""
    given = f"{{'by': '{RECONCILER}', 'why': 'something else ran than what is recorded'}}"
    return {
        "Release": task(
            "aws-sdk:sfn:startExecution",
            jsonata(
                f"($service := $states.input.service; $merge([{{'StateMachineArn': '{machines}' & $service & "
                f"'{RELEASE_MACHINE_SUFFIX}', 'Input': $string({given})}}, "
                "$name = '' ? {} : {'Name': $substring($service, 0, 50) & '-' & $name}]))"
            ),
            retries=[retry("Sfn.SfnException", "Sfn.SdkClientException", attempts=5)],
            catches=[
                # The release of this deployment was started before.
                catch("Sfn.ExecutionAlreadyExistsException", then="Nothing"),
                catch(ANY_ERROR, then="NotStarted"),
            ],
            output=False,
        ),
        "Nothing": pass_state(output=False),
        "NotStarted": pass_state(output=True),
    }

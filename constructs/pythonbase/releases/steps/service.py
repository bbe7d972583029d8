"""Reads of the ECS service and of its tasks, which several phases share."""

from __future__ import annotations

from pythonbase.releases.steps.calls import MANY_ATTEMPTS, call, poll
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.states import State, jsonata

DESCRIBE_TASKS = "aws-sdk:ecs:describeTasks"
LIST_TASKS = "aws-sdk:ecs:listTasks"
FOUND_TASKS = {"tasks": jsonata("[$states.result.TaskArns]")}
"""What is kept of ``LIST_TASKS``."""

_DESCRIBE_SERVICES = "aws-sdk:ecs:describeServices"
_FOUND_SERVICE = {
    "service": jsonata("($found := $states.result.Services[Status='ACTIVE'][0]; $exists($found) ? $found : null)")
}
_TASKS = 40
"""Tasks of one page. The descriptions of more could exceed the 256 KiB that a state may have:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


def read_service(target: ReleaseTarget, *, then: str, fails: State, attempts: int = MANY_ATTEMPTS) -> State:
    """Read the service into the variable ``service``."""
    return call(_DESCRIBE_SERVICES, _name(target), assign=_FOUND_SERVICE, then=then, fails=fails, attempts=attempts)


def poll_service(target: ReleaseTarget, *, then: str, fails: str) -> State:
    """Read the service into the variable ``service``, in a loop."""
    return poll(_DESCRIBE_SERVICES, _name(target), assign=_FOUND_SERVICE, then=then, fails=fails)


def tasks_with(target: ReleaseTarget, desired_status: str) -> State:
    """Arguments of ``LIST_TASKS``: one page of tasks that should have this status."""
    return {
        "Cluster": target.cluster_name,
        "ServiceName": target.names.deployed_name,
        "DesiredStatus": desired_status,
        "MaxResults": _TASKS,
    }


def found_tasks(target: ReleaseTarget) -> State:
    """Arguments of ``DESCRIBE_TASKS``: the tasks that ``LIST_TASKS`` found."""
    return {"Cluster": target.cluster_name, "Tasks": jsonata("$tasks")}


def _name(target: ReleaseTarget) -> State:
    return {"Cluster": target.cluster_name, "Services": [target.names.deployed_name]}

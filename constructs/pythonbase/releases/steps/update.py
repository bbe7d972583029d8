"""Update the service to the new revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pythonbase.releases.steps.calls import call, report
from pythonbase.releases.steps.hold import fenced, holding
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.states import State, States, choice, jsonata, set_variables

_RESTARTS = 5
"""How often a release starts again because the template of its service changed since it started."""


def update(target: ReleaseTarget) -> States:
    """Update the service. Continues with ``WaitForDeployment``.

    If the update has replaced a deployment that was not there when the service was read, the release starts again, on
    the task definition of that deployment.
    """
    newer = (
        "($known := $service.Deployments.Id; $states.result.Service.Deployments"
        "[Status != 'PRIMARY' and $not(Id in $known) and $not(RolloutState = 'FAILED')][0].TaskDefinition)"
    )
    write = update_service(
        target,
        "$revision",
        assign={
            "deployment": jsonata("$states.result.Service.Deployments[Status='PRIMARY'].Id"),
            "newer": jsonata(
                f"($found := {newer}; $exists($found) and $found != $before and $found != $revision ? $found : '')"
            ),
            "touched": True,
            "base": "",
            "polled": 0,
            "checked": 0,
        },
        then="WasItReplaced",
        fails=report("Failed"),
    )
    return {
        **holding(target, "Update", write, fails=report("Failed")),
        "WasItReplaced": choice(("$newer != ''", "MayItAdopt"), otherwise="WaitForDeployment"),
        "MayItAdopt": choice((may_start_again(target), "Adopt"), otherwise="Superseded"),
        "Adopt": set_variables("Service", attempt="$attempt + 1", base="$newer", newer="''", urgent="true"),
    }


def update_service(
    target: ReleaseTarget,
    revision: str,
    *,
    then: str,
    fails: State,
    assign: Mapping[str, Any] | None = None,
) -> State:
    """UpdateService to a revision, an expression."""
    return call(
        "aws-sdk:ecs:updateService",
        {
            "Cluster": fenced(f"'{target.cluster_name}'"),
            "Service": target.names.deployed_name,
            "TaskDefinition": jsonata(revision),
        },
        assign=assign,
        then=then,
        fails=fails,
        attempts=100,
        longest_delay=60,
    )


def may_start_again(target: ReleaseTarget) -> str:
    """The condition under which a release may start again."""
    elapsed = "($millis() - $toMillis($states.context.Execution.StartTime)) / 1000"
    return f"$attempt < {_RESTARTS} and {elapsed} < {target.restart_seconds}"

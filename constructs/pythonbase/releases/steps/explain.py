"""Find out why ECS has given up."""

from __future__ import annotations

from pythonbase.releases.steps.calls import FEW_ATTEMPTS, call, failure, ignore
from pythonbase.releases.steps.service import DESCRIBE_TASKS, FOUND_TASKS, LIST_TASKS, found_tasks, tasks_with
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.states import States, choice, jsonata


def explain(target: ReleaseTarget) -> States:
    """Keep the service's events and the reasons why tasks stopped. Continues with ``PutBack`` or ``IsItNewest``."""
    events = "$join($service.Events[[0..4]].Message, ' | ')"
    exit_code = "(ExitCode >= 0 ? ', exit code ' & $string(ExitCode) : '') & ($exists(Reason) ? ', ' & Reason : '')"
    reasons = (
        "$states.result.Tasks[TaskDefinitionArn=$revision].(StoppedReason & "
        f"$join(Containers[Name='{target.container_name}'].({exit_code})))"
    )
    return {
        "RolledBack": failure(
            "Stopped",
            "Release.RolledBack",
            "($service.TaskDefinition = $revision ? 'ECS called the deployment off.' "
            f": 'ECS put ' & $service.TaskDefinition & ' back.') & ' ' & {events}",
        ),
        "Stopped": call(
            LIST_TASKS,
            tasks_with(target, "STOPPED"),
            assign=FOUND_TASKS,
            then="HasStopped",
            fails=ignore("IsItBack"),
            attempts=FEW_ATTEMPTS,
        ),
        "HasStopped": choice(("$count($tasks) > 0", "StoppedTasks"), otherwise="IsItBack"),
        "StoppedTasks": call(
            DESCRIBE_TASKS,
            found_tasks(target),
            assign={
                "cause": jsonata(
                    f"($reasons := $distinct({reasons}); $count($reasons) > 0 ? "
                    "$cause & ' Tasks stopped: ' & $join($reasons, ' | ') : $cause)"
                )
            },
            then="IsItBack",
            fails=ignore("IsItBack"),
            attempts=FEW_ATTEMPTS,
        ),
        # If no deployment was completed before, ECS stops this one and does not restore another.
        "IsItBack": choice(("$service.TaskDefinition = $revision", "PutBack"), otherwise="IsItNewest"),
    }

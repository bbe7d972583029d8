"""Check which digest the tasks run. One page of tasks is enough."""

from __future__ import annotations

from pythonbase.releases.steps.calls import count_longer_waits, failure, poll
from pythonbase.releases.steps.service import (
    DESCRIBE_TASKS,
    FOUND_TASKS,
    LIST_TASKS,
    found_tasks,
    poll_service,
    tasks_with,
)
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.releases.steps.update import may_start_again
from pythonbase.state_machines.states import States, choice, jsonata


def verify(target: ReleaseTarget) -> States:
    """Continues with ``IsItRecorded``.

    If a task is lost after the deployment was completed, ECS replaces it; until then there may be no task to check.
    Tasks of other revisions are about to stop, or belong to another deployment.
    """
    patience = target.verification_seconds
    ours = "$states.result.Tasks[LastStatus='RUNNING' and TaskDefinitionArn=$revision]"
    digests = f"{ours}.Containers[Name='{target.container_name}'].ImageDigest"
    return {
        "Tasks": poll(
            LIST_TASKS,
            tasks_with(target, "RUNNING"),
            assign=FOUND_TASKS,
            then="AreThereTasks",
            fails="IsThereTimeToAsk",
        ),
        "AreThereTasks": choice(
            ("$count($tasks) > 0", "Running"),
            ("$service.DesiredCount = 0", "Confirm"),
            (f"$checked < {patience}", "WaitForTasks"),
            otherwise="NotRunning",
        ),
        "WaitForTasks": count_longer_waits("checked", then="Tasks", first=5, until=60, later=15),
        "Running": poll(
            DESCRIBE_TASKS,
            found_tasks(target),
            assign={"digests": jsonata(f"[$distinct({digests})]")},
            then="IsItTheDigest",
            fails="IsThereTimeToAsk",
        ),
        "IsThereTimeToAsk": choice((f"$checked < {patience}", "WaitForTasks"), otherwise="Unread"),
        "IsItTheDigest": choice(
            ("$not($contains($image, '@'))", "Confirm"),
            ("$count($digests) = 1 and $digests[0] = $substringAfter($image, '@')", "Confirm"),
            (f"$checked < {patience}", "WaitForTasks"),
            otherwise="NotRunning",
        ),
        "NotRunning": failure(
            "PutBack",
            "Release.NotRunning",
            "'ECS reports the deployment as completed, but its tasks run ' & "
            "($count($digests) > 0 ? $join($digests, ', ') : 'nothing') & ' and not ' & $image",
        ),
        # If a template was deployed since, the release starts again from it, once the service uses it. A revision that
        # CloudFormation has only registered may still be rolled back.
        "Confirm": poll_service(target, then="IsItStillMine", fails="IsThereTimeToAsk"),
        "IsItStillMine": choice(
            ("$service.TaskDefinition = $revision", "IsItRecorded"),
            (may_start_again(target), "StartAgain"),
            otherwise="Superseded",
        ),
    }

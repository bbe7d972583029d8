"""Ask the tasks themselves which digest they run. One page of them is enough to believe it."""

from __future__ import annotations

from pythonbase.releases.steps.deploy import restart_rule
from pythonbase.releases.steps.look import service_is
from pythonbase.releases.steps.states import States, choice, poll, put, wait_longer
from pythonbase.releases.steps.target import ReleaseTarget

TASKS = 40
"""Of one page: the descriptions of more tasks could be more than the 256 KiB that a state may have:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


def verify(target: ReleaseTarget) -> States:
    """Goes on with ``IsItRecorded``.

    A task that was lost after ECS called the deployment completed is replaced by ECS; until then there may be none to
    ask. Tasks of other revisions drain, or are somebody else's.
    """
    patience = target.verification_seconds
    ours = "$states.result.Tasks[LastStatus='RUNNING' and TaskDefinitionArn=$revision]"
    digests = f"{ours}.Containers[Name='{target.container_name}'].ImageDigest"
    api, arguments, assign = service_is(target)
    return {
        "Tasks": poll(
            "aws-sdk:ecs:listTasks",
            {
                "Cluster": target.cluster_name,
                "ServiceName": target.names.deployed_name,
                "DesiredStatus": "RUNNING",
                "MaxResults": TASKS,
            },
            assign={"tasks": "{% [$states.result.TaskArns] %}"},
            then="AreThereTasks",
            fails="IsThereTimeToAsk",
        ),
        "AreThereTasks": choice(
            ("$count($tasks) > 0", "Running"),
            ("$service.DesiredCount = 0", "Confirm"),
            (f"$checked < {patience}", "WaitForTasks"),
            otherwise="NotRunning",
        ),
        "WaitForTasks": wait_longer("checked", then="Tasks", first=5, until=60, later=15),
        "Running": poll(
            "aws-sdk:ecs:describeTasks",
            {"Cluster": target.cluster_name, "Tasks": "{% $tasks %}"},
            assign={"digests": f"{{% [$distinct({digests})] %}}"},
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
        "NotRunning": put(
            "PutBack",
            error="'Release.NotRunning'",
            cause="'ECS reports the deployment as completed, but its tasks run ' & "
            "($count($digests) > 0 ? $join($digests, ', ') : 'nothing') & ' and not ' & $image",
        ),
        # A template that was deployed meanwhile: start again from it, once the service points to it. A revision that
        # CloudFormation has only registered may still be rolled back.
        "Confirm": poll(api, arguments, assign=assign, then="IsItStillMine", fails="IsThereTimeToAsk"),
        "IsItStillMine": choice(
            ("$service.TaskDefinition = $revision", "IsItRecorded"),
            (restart_rule(target), "StartAgain"),
            otherwise="Superseded",
        ),
    }

"""When a release fails: why, in ECS's own words, and the way back to what ran before."""

from __future__ import annotations

from pythonbase.releases.steps.deploy import register
from pythonbase.releases.steps.lock import holding
from pythonbase.releases.steps.look import service_is
from pythonbase.releases.steps.states import States, choice, fenced, poll, put, task, wait_longer
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.releases.steps.verify import TASKS


def explain(target: ReleaseTarget) -> States:
    """Why ECS gave up."""
    exit_code = "(ExitCode >= 0 ? ', exit code ' & $string(ExitCode) : '') & ($exists(Reason) ? ', ' & Reason : '')"
    reasons = (
        "$states.result.Tasks[TaskDefinitionArn=$revision].(StoppedReason & "
        f"$join(Containers[Name='{target.container_name}'].({exit_code})))"
    )
    told = "$join($service.Events[[0..4]].Message, ' | ')"
    return {
        "RolledBack": put(
            "Stopped",
            error="'Release.RolledBack'",
            cause="($service.TaskDefinition = $revision ? 'ECS called the deployment off.' "
            f": 'ECS put ' & $service.TaskDefinition & ' back.') & ' ' & {told}",
        ),
        "Stopped": task(
            "aws-sdk:ecs:listTasks",
            {
                "Cluster": target.cluster_name,
                "ServiceName": target.names.deployed_name,
                "DesiredStatus": "STOPPED",
                "MaxResults": TASKS,
            },
            assign={"tasks": "{% [$states.result.TaskArns] %}"},
            then="HasStopped",
            fails="IsItBack",
            keeps_error=True,
            attempts=6,
        ),
        "HasStopped": choice(("$count($tasks) > 0", "StoppedTasks"), otherwise="IsItBack"),
        "StoppedTasks": task(
            "aws-sdk:ecs:describeTasks",
            {"Cluster": target.cluster_name, "Tasks": "{% $tasks %}"},
            assign={
                "cause": f"{{% ($reasons := $distinct({reasons}); $count($reasons) > 0 ? "
                "$cause & ' Tasks stopped: ' & $join($reasons, ' | ') : $cause) %}"
            },
            then="IsItBack",
            fails="IsItBack",
            keeps_error=True,
            attempts=6,
        ),
        # A deployment without a completed one before it is called off and stays.
        "IsItBack": choice(("$service.TaskDefinition = $revision", "PutBack"), otherwise="IsItNewest"),
    }


def put_back(target: ReleaseTarget) -> States:
    """The service runs what is not recorded: give it back what it ran before. Goes on with ``IsToBeRemembered``."""
    api, arguments, assign = service_is(target)
    settled = "$not($service.Deployments[Status='PRIMARY'].RolloutState = 'IN_PROGRESS')"
    return {
        # From the first update on, the service may run what is not recorded.
        "Failed": choice(("$touched", "PutBack"), otherwise="IsItNewest"),
        "PutBack": choice(("$revision = $before", "IsToBeRemembered"), otherwise="HoldUpdateBack"),
        **holding(
            target,
            "UpdateBack",
            task(
                "aws-sdk:ecs:updateService",
                {
                    "Cluster": fenced(f"'{target.cluster_name}'"),
                    "Service": target.names.deployed_name,
                    "TaskDefinition": "{% $before %}",
                },
                then="WaitToSettle",
                fails="NotPutBack",
                keeps_error=True,
                attempts=100,
                longest_delay=60,
            ),
        ),
        "NotPutBack": put("IsToBeRemembered", cause="$cause & ' The service could not be put back.'"),
        "WaitToSettle": wait_longer("settled", then="Settling", first=5, until=30, later=target.poll_seconds),
        "Settling": poll(
            api, arguments, assign=assign, then="IsItSettled", fails="IsThereTimeToSettle", keeps_error=True
        ),
        "IsThereTimeToSettle": choice((f"$settled < {target.timeout_seconds}", "WaitToSettle"), otherwise="Back"),
        "IsItSettled": choice((f"{settled} or $settled >= {target.timeout_seconds}", "Back"), otherwise="WaitToSettle"),
        "Back": put(
            "IsItNewest",
            cause=f"$cause & ($service.TaskDefinition = $before and {settled} "
            "? ' The service is back on ' & $before & '.' "
            ": ' The service was set back to ' & $before & ', and now has ' & $service.TaskDefinition & '.')",
        ),
        # Whoever asks for the family's newest revision must not get the one that failed.
        "IsItNewest": choice(("$registered and $running != $image", "HoldRenew"), otherwise="IsToBeRemembered"),
        **holding(
            target,
            "Renew",
            register(target, "$running", then="IsToBeRemembered", fails="IsToBeRemembered", keeps_error=True),
        ),
    }

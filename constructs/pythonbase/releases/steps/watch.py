"""Watch the deployment until ECS has completed it, or has given up."""

from __future__ import annotations

from pythonbase.releases.steps.calls import count_longer_waits, failure
from pythonbase.releases.steps.service import poll_service
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.releases.steps.update import may_start_again
from pythonbase.state_machines.states import States, choice, jsonata, wait


def watch(target: ReleaseTarget) -> States:
    """Continues with ``Tasks`` when the deployment is completed, and with ``RolledBack`` when ECS has given up."""
    mine = "$service.Deployments[Id=$deployment]"
    reason = "$service.Deployments[Status='PRIMARY'].RolloutStateReason"
    return {
        "WaitForDeployment": count_longer_waits(
            "polled", then="Progress", first=5, until=30, later=target.poll_seconds
        ),
        "Progress": poll_service(target, then="Outcome", fails="IsThereTime"),
        "IsThereTime": choice((f"$polled < {target.timeout_seconds}", "WaitForDeployment"), otherwise="Unread"),
        # ECS removes a failed deployment from the list once its tasks are gone. The deployment before it is primary
        # again.
        "Outcome": choice(
            (f"{mine}.RolloutState = 'COMPLETED'", "Tasks"),
            # Only rolling deployments have rollout states. Others are complete when no other deployment is left:
            # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
            (
                f"$exists({mine}) and $not($exists({mine}.RolloutState)) and $count($service.Deployments) = 1 and "
                f"{mine}.RunningCount = {mine}.DesiredCount",
                "Tasks",
            ),
            (f"{mine}.RolloutState = 'FAILED'", "RolledBack"),
            (f"{mine}.Status = 'PRIMARY' and $polled < {target.timeout_seconds}", "WaitForDeployment"),
            (f"{mine}.Status = 'PRIMARY'", "TooSlow"),
            ("$service.TaskDefinition = $before", "RolledBack"),
            (f"$exists({reason}) ? $contains({reason}, 'rolling back') : false", "RolledBack"),
            (may_start_again(target), "StartAgain"),
            otherwise="Superseded",
        ),
        "StartAgain": wait(5, then="Service", assign={"attempt": jsonata("$attempt + 1")}),
        # The service runs a newer deployment of somebody else: nothing is put back.
        "Superseded": failure(
            "UnlockFailed",
            "Release.Superseded",
            "'other deployments of the service kept replacing this one; now runs ' & $service.TaskDefinition",
        ),
        "TooSlow": failure(
            "PutBack",
            "Release.Timeout",
            f"'the service was not steady after {target.timeout_seconds} seconds: ' & "
            "$join($service.Events[[0..4]].Message, ' | ')",
        ),
    }

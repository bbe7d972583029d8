"""Wait until nobody else deploys, then see what runs and what is recorded."""

from __future__ import annotations

from pythonbase.releases.steps.states import State, States, choice, put, task, wait_longer
from pythonbase.releases.steps.target import ReleaseTarget

TEMPLATE_TAG = "pythonbase:template"
"""Tag of a task definition's revision: the revision of the template that it was made from."""
_FOUND = "($found := $states.result.Services[Status='ACTIVE'][0]; $exists($found) ? $found : null)"


def service_is(target: ReleaseTarget) -> tuple[str, State, State]:
    """DescribeServices: API, arguments, and what is kept of its answer."""
    return (
        "aws-sdk:ecs:describeServices",
        {"Cluster": target.cluster_name, "Services": [target.names.deployed_name]},
        {"service": f"{{% {_FOUND} %}}"},
    )


def look(target: ReleaseTarget, then: str) -> States:
    """Goes on with ``then`` when a digest of the service's repository is to be deployed."""
    # Not only how many deployments there are: one that failed stays in the list for a while.
    primary = "$service.Deployments[Status='PRIMARY']"
    busy = (
        f"({primary}.RolloutState = 'IN_PROGRESS' or "
        f"($not($exists({primary}.RolloutState)) and $count($service.Deployments) > 1))"
    )
    api, arguments, assign = service_is(target)
    ours = f"$substringBefore($image, '@') = '{target.repository_uri}' and $contains($image, '@')"
    placeholder = "$not($contains($image, '@'))"
    released = f"$contains($running, '@') and $substringBefore($running, '@') = '{target.repository_uri}'"
    return {
        "Service": task(api, arguments, assign=assign, then="IsServiceFree", fails="Unread"),
        "IsServiceFree": choice(
            ("$service = null", "NoService"),
            (f"{busy} and $not($urgent) and $waited < {target.patience_seconds}", "WaitForOthers"),
            otherwise="Recorded",
        ),
        "WaitForOthers": wait_longer("waited", then="Service", first=5, until=30, later=target.poll_seconds),
        "NoService": put(
            "Failed",
            error="'Release.NoService'",
            cause=f"'there is no ECS service {target.names.deployed_name}: deploy its stack first'",
        ),
        "Recorded": task(
            "aws-sdk:ssm:getParameter",
            {"Name": target.names.image_parameter},
            assign={
                "recorded": "{% $states.result.Parameter.Value %}",
                "version": "{% $states.result.Parameter.Version %}",
                "image": "{% $image = '' ? $states.result.Parameter.Value : $image %}",
            },
            catch={"Ssm.ParameterNotFoundException": "NothingRecorded"},
            then="Definition",
            fails="Unread",
        ),
        "NothingRecorded": put("IsAnImageGiven", recorded="''", version="0"),
        "IsAnImageGiven": choice(("$image != ''", "Definition"), otherwise="NoRecord"),
        "NoRecord": put(
            "Failed",
            error="'Release.NoRecord'",
            cause=f"'the parameter {target.names.image_parameter} is missing: release an image, or go back to one'",
        ),
        "Definition": task(
            "aws-sdk:ecs:describeTaskDefinition",
            {"TaskDefinition": "{% $base = '' ? $service.TaskDefinition : $base %}", "Include": ["TAGS"]},
            assign={
                "definition": "{% $states.result.TaskDefinition %}",
                # CloudFormation's own tags can be read and not written.
                "tags": "{% [$states.result.Tags[$substring(Key, 0, 4) != 'aws:' and Key != '"
                + TEMPLATE_TAG
                + "']] %}",
                "template": "{% ($of := $states.result.Tags[Key = '" + TEMPLATE_TAG + "'].Value; "
                "$exists($of) ? $of : $states.result.TaskDefinition.TaskDefinitionArn) %}",
                "running": "{% $states.result.TaskDefinition.ContainerDefinitions"
                f"[Name='{target.container_name}'].Image %}}",
                "before": "{% $states.result.TaskDefinition.TaskDefinitionArn %}",
                "revision": "{% $service.TaskDefinition %}",
            },
            then="IsItRunning",
            fails="Unread",
        ),
        "IsItRunning": choice(
            ("$running = $image and $base = ''", "Tasks"),
            (f"{placeholder} and {released}", "LosesRelease"),
            (f"{placeholder} and $image = $recorded", "IsByReconciler"),
            (ours, "IsByReconciler"),
            otherwise="WrongImage",
        ),
        "LosesRelease": put(
            "Failed",
            error="'Release.LosesRelease'",
            cause="'the service runs ' & $running & ', a release; ' & $image & ' would replace it by a placeholder. '"
            f" & 'Put the record right: pythonbase rollback {target.names.service_name}' & "
            f"'{_environment(target)} --to ' & $substringAfter($running, '@')",
        ),
        "WrongImage": put(
            "Failed",
            error="'Release.WrongImage'",
            cause=f"$image & ' is not {target.repository_uri}@<digest>'",
        ),
        "IsADigest": choice(
            (placeholder, "HoldRegister"),
            otherwise=then,
        ),
    }


def _environment(target: ReleaseTarget) -> str:
    name = target.names.environment_name
    return f" --environment {name}" if name else ""


def unread() -> States:
    """A read that failed for good says nothing about the release: nothing is put back."""
    return {
        "Unread": put(
            "UnlockFailed",
            cause="$cause & ($touched ? ' Nothing was put back. What runs and is not recorded is found by the "
            "reconciler.' : '')",
        )
    }

"""Wait until nobody else deploys, then read what runs and what is recorded."""

from __future__ import annotations

from pythonbase.releases.steps.calls import call, count_longer_waits, failure, report
from pythonbase.releases.steps.service import read_service
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.state_machines.errors import catch
from pythonbase.state_machines.states import States, choice, jsonata, set_variables

TEMPLATE_TAG = "pythonbase:template"
"""Tag of a task definition's revision: the revision of the template that it was made from."""


def look(target: ReleaseTarget) -> States:
    """Continues with ``Tasks`` if the service runs the image already, else through ``back_off`` with ``IsADigest``."""
    # Not only how many deployments there are: a deployment that has failed stays in the list for a while.
    primary = "$service.Deployments[Status='PRIMARY']"
    busy = (
        f"({primary}.RolloutState = 'IN_PROGRESS' or "
        f"($not($exists({primary}.RolloutState)) and $count($service.Deployments) > 1))"
    )
    ours = f"$substringBefore($image, '@') = '{target.repository_uri}' and $contains($image, '@')"
    placeholder = "$not($contains($image, '@'))"
    released = f"$contains($running, '@') and $substringBefore($running, '@') = '{target.repository_uri}'"
    return {
        "Service": read_service(target, then="IsServiceFree", fails=report("Unread")),
        "IsServiceFree": choice(
            ("$service = null", "NoService"),
            (f"{busy} and $not($urgent) and $waited < {target.patience_seconds}", "WaitForOthers"),
            otherwise="Recorded",
        ),
        "WaitForOthers": count_longer_waits("waited", then="Service", first=5, until=30, later=target.poll_seconds),
        "NoService": failure(
            "Failed",
            "Release.NoService",
            f"'there is no ECS service {target.names.deployed_name}: deploy its stack first'",
        ),
        "Recorded": call(
            "aws-sdk:ssm:getParameter",
            {"Name": target.names.image_parameter},
            assign={
                "recorded": jsonata("$states.result.Parameter.Value"),
                "version": jsonata("$states.result.Parameter.Version"),
                "image": jsonata("$image = '' ? $states.result.Parameter.Value : $image"),
            },
            catches=[catch("Ssm.ParameterNotFoundException", then="NothingRecorded")],
            then="Definition",
            fails=report("Unread"),
        ),
        "NothingRecorded": set_variables("IsAnImageGiven", recorded="''", version="0"),
        "IsAnImageGiven": choice(("$image != ''", "Definition"), otherwise="NoRecord"),
        "NoRecord": failure(
            "Failed",
            "Release.NoRecord",
            f"'the parameter {target.names.image_parameter} is missing: release an image, or go back to one'",
        ),
        "Definition": call(
            "aws-sdk:ecs:describeTaskDefinition",
            {"TaskDefinition": jsonata("$base = '' ? $service.TaskDefinition : $base"), "Include": ["TAGS"]},
            assign={
                "definition": jsonata("$states.result.TaskDefinition"),
                # CloudFormation's own tags can be read, but not written.
                "tags": jsonata(f"[$states.result.Tags[$substring(Key, 0, 4) != 'aws:' and Key != '{TEMPLATE_TAG}']]"),
                "template": jsonata(
                    f"($of := $states.result.Tags[Key = '{TEMPLATE_TAG}'].Value; "
                    "$exists($of) ? $of : $states.result.TaskDefinition.TaskDefinitionArn)"
                ),
                "running": jsonata(
                    f"$states.result.TaskDefinition.ContainerDefinitions[Name='{target.container_name}'].Image"
                ),
                "before": jsonata("$states.result.TaskDefinition.TaskDefinitionArn"),
                "revision": jsonata("$service.TaskDefinition"),
            },
            then="IsItRunning",
            fails=report("Unread"),
        ),
        "IsItRunning": choice(
            ("$running = $image and $base = ''", "Tasks"),
            (f"{placeholder} and {released}", "LosesRelease"),
            (f"{placeholder} and $image = $recorded", "IsByReconciler"),
            (ours, "IsByReconciler"),
            otherwise="WrongImage",
        ),
        "LosesRelease": failure(
            "Failed",
            "Release.LosesRelease",
            "'the service runs ' & $running & ', a release; ' & $image & ' would replace it by a placeholder. '"
            f" & 'Put the record right: pythonbase rollback {target.names.service_name}' & "
            f"'{_environment(target)} --to ' & $substringAfter($running, '@')",
        ),
        "WrongImage": failure("Failed", "Release.WrongImage", f"$image & ' is not {target.repository_uri}@<digest>'"),
        # State machines call no other Region: there, nothing keeps the image from expiring.
        "IsADigest": choice(
            (placeholder, "HoldRegister"), otherwise="Manifest" if target.repository_is_here else "HoldRegister"
        ),
    }


def _environment(target: ReleaseTarget) -> str:
    name = target.names.environment_name
    return f" --environment {name}" if name else ""

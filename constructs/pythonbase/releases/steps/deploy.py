"""Register what the service runs with the new digest, update the service, and watch ECS's deployment."""

from __future__ import annotations

from pythonbase.releases.names import RING_SIZE
from pythonbase.releases.steps.lock import holding
from pythonbase.releases.steps.look import TEMPLATE_TAG, service_is
from pythonbase.releases.steps.states import State, States, choice, fenced, poll, put, task, wait, wait_longer
from pythonbase.releases.steps.target import ReleaseTarget

_RESTARTS = 5
"""How often a release starts again because the template of its service changed meanwhile."""
_CONFLICTS = 60
_CONFLICT_SECONDS = 5

# Members of DescribeTaskDefinition that RegisterTaskDefinition takes:
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
_REGISTERED = (
    "ContainerDefinitions",
    "Cpu",
    "EnableFaultInjection",
    "EphemeralStorage",
    "ExecutionRoleArn",
    "Family",
    "IpcMode",
    "Memory",
    "NetworkMode",
    "PidMode",
    "PlacementConstraints",
    "ProxyConfiguration",
    "RequiresCompatibilities",
    "RuntimePlatform",
    "TaskRoleArn",
    "Volumes",
)


def restart_rule(target: ReleaseTarget) -> str:
    """Whether a release may start again."""
    elapsed = "($millis() - $toMillis($states.context.Execution.StartTime)) / 1000"
    return f"$attempt < {_RESTARTS} and {elapsed} < {target.restart_seconds}"


def deploy(target: ReleaseTarget) -> States:
    """From the image to a deployment that ECS calls completed."""
    # Step Functions refuses a step that nothing leads to: https://github.com/aws-cloudformation/cfn-lint/issues/4073
    keep = _keep(target) if target.repository_is_here else {}
    return {**keep, **_register(target), **_update(target), **_watch(target)}


def _keep(target: ReleaseTarget) -> States:
    """Keep the image from expiring before anything depends on it, which also shows that it is there."""
    image = {"RegistryId": target.registry_id, "RepositoryName": target.names.repository_name}
    digest = "{% $substringAfter($image, '@') %}"
    return {
        "Manifest": task(
            "aws-sdk:ecr:batchGetImage",
            {**image, "ImageIds": [{"ImageDigest": digest}]},
            assign={
                "manifest": "{% $exists($states.result.Images[0]) ? $states.result.Images[0].ImageManifest : '' %}",
                "manifestType": "{% $exists($states.result.Images[0].ImageManifestMediaType) ? "
                "$states.result.Images[0].ImageManifestMediaType : 'application/vnd.oci.image.manifest.v1+json' %}",
            },
            then="IsImageThere",
            fails="Unread",
        ),
        "IsImageThere": choice(("$manifest = ''", "Expired"), otherwise="HoldKeep"),
        "Expired": put(
            "Failed",
            error="'Release.ImageExpired'",
            cause=f"$image & ' is not in the repository {target.names.repository_name} any more'",
        ),
        **holding(
            target,
            "Keep",
            task(
                "aws-sdk:ecr:putImage",
                {
                    **image,
                    "RepositoryName": fenced(f"'{target.names.repository_name}'"),
                    "ImageManifest": "{% $manifest %}",
                    "ImageManifestMediaType": "{% $manifestType %}",
                    "ImageDigest": digest,
                    "ImageTag": f"{{% '{target.names.ring_tag_prefix}' & $string(($version + 1) % {RING_SIZE}) %}}",
                },
                catch={"Ecr.ImageAlreadyExistsException": "HoldRegister"},
                then="HoldRegister",
            ),
        ),
    }


def register(
    target: ReleaseTarget,
    image: str,
    *,
    then: str,
    assign: State | None = None,
    fails: str = "Failed",
    keeps_error: bool = False,
) -> State:
    """RegisterTaskDefinition: what ``definition`` says, with another image.

    The bucket of an account and Region refills by one request a second, so hundreds of releases at once wait for
    minutes: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
    """
    names = ", ".join(f"'{name}'" for name in _REGISTERED)
    images = (
        f"$definition.ContainerDefinitions.(Name = '{target.container_name}' ? $merge([$, {{'Image': {image}}}]) : $)"
    )
    tags = f"$append($tags, [{{'Key': '{TEMPLATE_TAG}', 'Value': $template}}])"
    merged = (
        f"$merge([$sift($definition, function($value, $key) {{ $key in [{names}] }}), "
        f"{{'ContainerDefinitions': [{images}], 'Tags': {tags}}}])"
    )
    return task(
        "aws-sdk:ecs:registerTaskDefinition",
        fenced(merged),
        assign=assign,
        then=then,
        attempts=100,
        longest_delay=60,
        fails=fails,
        keeps_error=keeps_error,
    )


def _register(target: ReleaseTarget) -> States:
    write = register(
        target,
        "$image",
        then="HoldUpdate",
        assign={"revision": "{% $states.result.TaskDefinition.TaskDefinitionArn %}", "registered": True},
    )
    write["Catch"].insert(
        0,
        {
            "ErrorEquals": ["Ecs.ClientException"],
            "Next": "WhyRefused",
            "Assign": {"error": "{% $states.errorOutput.Error %}", "cause": "{% $states.errorOutput.Cause %}"},
        },
    )
    return {
        **holding(target, "Register", write),
        # "Too many concurrent attempts to create a new revision of the specified family":
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
        "WhyRefused": choice(
            (f"$contains($lowercase($cause), 'concurrent') and $conflicts < {_CONFLICTS}", "WaitForFamily"),
            otherwise="Failed",
        ),
        "WaitForFamily": wait("conflicts", then="HoldRegister", seconds=_CONFLICT_SECONDS),
    }


def _update(target: ReleaseTarget) -> States:
    # What came between this release's look and its update, which it has just replaced: a deployment that was not there.
    newer = (
        "($known := $service.Deployments.Id; $states.result.Service.Deployments"
        "[Status != 'PRIMARY' and $not(Id in $known) and $not(RolloutState = 'FAILED')][0].TaskDefinition)"
    )
    return {
        **holding(
            target,
            "Update",
            task(
                "aws-sdk:ecs:updateService",
                {
                    "Cluster": fenced(f"'{target.cluster_name}'"),
                    "Service": target.names.deployed_name,
                    "TaskDefinition": "{% $revision %}",
                },
                assign={
                    "deployment": "{% $states.result.Service.Deployments[Status='PRIMARY'].Id %}",
                    "newer": f"{{% ($found := {newer}; $exists($found) and $found != $before and $found != $revision "
                    "? $found : '') %}",
                    "touched": True,
                    "base": "",
                    "polled": 0,
                    "checked": 0,
                },
                then="WasItReplaced",
                attempts=100,
                longest_delay=60,
            ),
        ),
        "WasItReplaced": choice(("$newer != ''", "MayItAdopt"), otherwise="WaitForDeployment"),
        "MayItAdopt": choice((restart_rule(target), "Adopt"), otherwise="Superseded"),
        "Adopt": put("Service", attempt="$attempt + 1", base="$newer", newer="''", urgent="true"),
    }


def _watch(target: ReleaseTarget) -> States:
    mine = "$service.Deployments[Id=$deployment]"
    reason = "$service.Deployments[Status='PRIMARY'].RolloutStateReason"
    api, arguments, assign = service_is(target)
    return {
        "WaitForDeployment": wait_longer("polled", then="Progress", first=5, until=30, later=target.poll_seconds),
        "Progress": poll(api, arguments, assign=assign, then="Outcome", fails="IsThereTime"),
        "IsThereTime": choice((f"$polled < {target.timeout_seconds}", "WaitForDeployment"), otherwise="Unread"),
        # ECS forgets a deployment that failed once its tasks are gone, and makes the one before it primary again.
        "Outcome": choice(
            (f"{mine}.RolloutState = 'COMPLETED'", "Tasks"),
            # Rollout states are for rolling deployments; others are over when nothing else is left:
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
            (restart_rule(target), "StartAgain"),
            otherwise="Superseded",
        ),
        "StartAgain": {**wait("waited", then="Service", seconds=5), "Assign": {"attempt": "{% $attempt + 1 %}"}},
        "Superseded": put(
            "UnlockFailed",  # what runs is somebody else's, and newer
            error="'Release.Superseded'",
            cause="'other deployments of the service kept replacing this one; now runs ' & $service.TaskDefinition",
        ),
        "TooSlow": put(
            "PutBack",
            error="'Release.Timeout'",
            cause=f"'the service was not steady after {target.timeout_seconds} seconds: ' & "
            "$join($service.Events[[0..4]].Message, ' | ')",
        ),
    }

"""The steps of a release, in the Amazon States Language: lock, deploy by digest, verify what runs, record.

Pure data; ``ReleaseMachine`` gives it a role. Expressions are JSONata:
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pythonbase.release import RING_SIZE, ReleaseNames
from pythonbase.release_locks import LOCK_KEY

State = dict[str, Any]

_SHORTEST_POLL_SECONDS = 5
_MOST_POLLS = 700
"""Of one deployment: an execution may have 25,000 events, and a poll is 9 of them:
https://docs.aws.amazon.com/step-functions/latest/dg/bp-history-limit.html"""
_PATIENCE_SECONDS = 15 * 60
"""How long a release waits at least for a deployment that somebody else started. It then goes on: the new image may be
the cure of a service that cannot become steady."""
_TURN_SECONDS = 15
_TASKS = 40
"""Of one page: the descriptions of more tasks could be more than the 256 KiB that a state may have:
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_ATTEMPTS = 5
"""How often a release starts again because the template of its service changed meanwhile."""
_VERIFICATIONS = 12

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


@dataclass(frozen=True, kw_only=True)
class ReleaseTarget:
    """What a release works on. Values may be CDK tokens.

    Args:
        names: Which service and environment.
        cluster_name: Its ECS cluster.
        container_name: The container whose image is released.
        registry_id: The account that owns the service's ECR repository.
        repository_uri: URI of that repository.
        repository_is_here: Whether it is in this Region: state machines call no other.
        locks_table: Name of the table of locks.
        timeout_seconds: How long a deployment may take.
    """

    names: ReleaseNames
    cluster_name: str
    container_name: str
    registry_id: str
    repository_uri: str
    repository_is_here: bool = True
    locks_table: str
    timeout_seconds: int

    @property
    def poll_seconds(self) -> int:
        """How often the deployment is looked at."""
        return max(_SHORTEST_POLL_SECONDS, self.timeout_seconds // _MOST_POLLS)


def release_steps(target: ReleaseTarget) -> State:
    """The definition of the state machine. Its input: ``{"image", "baseImage", "commit", "by", "why"}``, all optional.

    Without an image, what is recorded is released again if something else runs.
    """
    return {
        "Comment": f"Releases images of {target.names.service_name} to {target.names.deployed_name}",
        "QueryLanguage": "JSONata",
        "StartAt": "Begin",
        "States": {
            **_beginning(),
            **_lock(target),
            **_look(target),
            **_deploy(target),
            **_explain(target),
            **_verify(target),
            **_record(target),
            **_put_back(target),
            **_end(target),
        },
    }


# -- building blocks ---------------------------------------------------------------------------------------------------

# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html, and for the optimized integration
# of DynamoDB https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html
_ERROR_PREFIXES = {"dynamodb": "DynamoDB", "codepipeline": "CodePipeline"}
_MORE_ERRORS = [
    "DynamoDB.AmazonDynamoDBException",
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "Ssm.InternalServerErrorException",
    "Ssm.TooManyUpdatesException",
]


def _task(
    api: str,
    arguments: Any,
    *,
    then: str,
    assign: State | None = None,
    catch: State | None = None,
    fails: str = "Failed",
    keeps_error: bool = False,
) -> State:
    """One call of an AWS API.

    What fails for good goes to ``fails``; ``catch`` maps other errors to a next step. ``keeps_error``: the release has
    failed for another reason already, which stays the one that is told.
    """
    told = {"error": "{% $states.errorOutput.Error %}", "cause": "{% $states.errorOutput.Cause %}"}
    service = api.split(":")[-2]
    errors = _ERROR_PREFIXES.get(service, service.capitalize())
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{api}",
        "Arguments": arguments,
        # Throttling has no error name of its own in most services, so the services' general error is retried too.
        "Retry": [
            {
                "ErrorEquals": [
                    f"{errors}.{name}"
                    for name in ("SdkClientException", "ServerException", "ThrottlingException", f"{errors}Exception")
                ]
                + _MORE_ERRORS,
                "IntervalSeconds": 2,
                "BackoffRate": 2,
                "MaxAttempts": 6,
                "MaxDelaySeconds": 20,
                "JitterStrategy": "FULL",
            }
        ],
        "Catch": [
            *({"ErrorEquals": [error], "Next": state} for error, state in (catch or {}).items()),
            {
                "ErrorEquals": ["States.ALL"],
                "Next": fails,
                **({} if keeps_error else {"Assign": told}),
            },
        ],
        **({"Assign": assign} if assign else {}),
        # What the steps need is in variables; the history would repeat a result in every step up to the next one.
        "Output": {},
        "Next": then,
    }


def _choice(*rules: tuple[str, str], otherwise: str) -> State:
    return {
        "Type": "Choice",
        "Choices": [{"Condition": f"{{% {condition} %}}", "Next": state} for condition, state in rules],
        "Default": otherwise,
    }


def _wait(counter: str, *, then: str, seconds: int = _SHORTEST_POLL_SECONDS) -> State:
    """Wait and count."""
    return {"Type": "Wait", "Seconds": seconds, "Assign": {counter: f"{{% ${counter} + 1 %}}"}, "Next": then}


def _set(then: str, **values: str) -> State:
    return {"Type": "Pass", "Assign": {name: f"{{% {value} %}}" for name, value in values.items()}, "Next": then}


# -- the steps ---------------------------------------------------------------------------------------------------------


def _beginning() -> State:
    given = {
        name: f"$exists($states.input.{name}) ? $states.input.{name} : ''"
        for name in ("image", "baseImage", "commit", "pipeline", "pipelineExecution")
    }
    # SSM takes no {{ in a value, and 4,096 characters.
    given |= {
        name: f"$exists($states.input.{name}) ? $substring($replace($states.input.{name}, /[{{}}]/, ' '), 0, 500) : ''"
        for name in ("by", "why")
    }
    counters = dict.fromkeys(("turns", "waited", "attempt", "polls", "checks", "settling"), "0")
    return {
        "Begin": _set(
            "FromPipeline",
            **given,
            **counters,
            me="$states.context.Execution.Id",
            base="''",
            before="''",
            revision="''",
            digests="[]",
            registered="false",
            touched="false",
        ),
        "FromPipeline": _choice(("$pipelineExecution != ''", "Execution"), otherwise="Lock"),
        # CodePipeline rolls a failed stage back to its last execution, which need not be what was released last:
        # somebody may have gone back further since. What is recorded counts.
        "Execution": _task(
            "aws-sdk:codepipeline:getPipelineExecution",
            {"PipelineName": "{% $pipeline %}", "PipelineExecutionId": "{% $pipelineExecution %}"},
            assign={"image": "{% $states.result.PipelineExecution.ExecutionType = 'ROLLBACK' ? '' : $image %}"},
            then="Lock",
        ),
    }


def _lock(target: ReleaseTarget) -> State:
    key = {LOCK_KEY: {"S": target.names.deployed_name}}
    mine = {**key, "Holder": {"S": "{% $me %}"}}
    taken = "DynamoDB.ConditionalCheckFailedException"
    return {
        "Lock": _task(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": mine,
                "ConditionExpression": f"attribute_not_exists({LOCK_KEY}) OR Holder = :me",
                "ExpressionAttributeValues": {":me": {"S": "{% $me %}"}},
            },
            catch={taken: "ReadHolder"},
            then="Service",
        ),
        "ReadHolder": _task(
            "dynamodb:getItem",
            {"TableName": target.locks_table, "Key": key, "ConsistentRead": True},
            assign={"holder": "{% $exists($states.result.Item.Holder.S) ? $states.result.Item.Holder.S : '' %}"},
            then="IsHeld",
        ),
        "IsHeld": _choice(("$holder = ''", "Lock"), otherwise="HolderExecution"),
        "HolderExecution": _task(
            "aws-sdk:sfn:describeExecution",
            {"ExecutionArn": "{% $holder %}"},
            assign={"holderStatus": "{% $states.result.Status %}"},
            catch={"Sfn.ExecutionDoesNotExistException": "TakeOver"},
            then="DoesHolderRun",
        ),
        "DoesHolderRun": _choice(("$holderStatus = 'RUNNING'", "WaitForTurn"), otherwise="TakeOver"),
        "WaitForTurn": _wait("turns", then="Lock", seconds=_TURN_SECONDS),
        # The lock of an execution that was stopped.
        "TakeOver": _task(
            "dynamodb:putItem",
            {
                "TableName": target.locks_table,
                "Item": mine,
                "ConditionExpression": "Holder = :holder",
                "ExpressionAttributeValues": {":holder": {"S": "{% $holder %}"}},
            },
            catch={taken: "Lock"},
            then="Service",
        ),
    }


def _look(target: ReleaseTarget) -> State:
    """Wait until nobody else deploys, then see what runs and what is recorded."""
    # Not only how many deployments there are: one that failed stays in the list for a while.
    primary = "$service.Deployments[Status='PRIMARY']"
    busy = (
        f"({primary}.RolloutState = 'IN_PROGRESS' or "
        f"($not($exists({primary}.RolloutState)) and $count($service.Deployments) > 1))"
    )
    patience = max(_PATIENCE_SECONDS, target.timeout_seconds)
    return {
        "Service": _describe_service(target, then="IsServiceFree"),
        "IsServiceFree": _choice(
            ("$service = null", "NoService"),
            (f"{busy} and $waited * {target.poll_seconds} < {patience}", "WaitForOthers"),
            otherwise="Recorded",
        ),
        "WaitForOthers": _wait("waited", then="Service", seconds=target.poll_seconds),
        "NoService": _set(
            "Failed",
            error="'Release.NoService'",
            cause=f"'there is no ECS service {target.names.deployed_name}: deploy its stack first'",
        ),
        "Recorded": _task(
            "aws-sdk:ssm:getParameter",
            {"Name": target.names.image_parameter},
            assign={
                "recorded": "{% $states.result.Parameter.Value %}",
                "version": "{% $states.result.Parameter.Version %}",
                "image": "{% $image = '' ? $states.result.Parameter.Value : $image %}",
            },
            then="Definition",
        ),
        "Definition": _task(
            "aws-sdk:ecs:describeTaskDefinition",
            {"TaskDefinition": "{% $base = '' ? $service.TaskDefinition : $base %}", "Include": ["TAGS"]},
            assign={
                "definition": "{% $states.result.TaskDefinition %}",
                # CloudFormation's own tags can be read and not written.
                "tags": "{% [$states.result.Tags[$substring(Key, 0, 4) != 'aws:']] %}",
                "running": "{% $states.result.TaskDefinition.ContainerDefinitions"
                f"[Name='{target.container_name}'].Image %}}",
                "before": "{% $states.result.TaskDefinition.TaskDefinitionArn %}",
                "revision": "{% $service.TaskDefinition %}",
            },
            then="IsItRunning",
        ),
        "IsItRunning": _choice(
            ("$running = $image and $base = ''", "Tasks"),
            ("$image = $recorded and $not($contains($image, '@'))", "Register"),
            (
                f"$substringBefore($image, '@') = '{target.repository_uri}'",
                "Manifest" if target.repository_is_here else "Register",
            ),
            otherwise="WrongImage",
        ),
        "WrongImage": _set(
            "Failed",
            error="'Release.WrongImage'",
            cause=f"$image & ' is not {target.repository_uri}@<digest>'",
        ),
    }


def _describe_service(target: ReleaseTarget, *, then: str, fails: str = "Failed", keeps_error: bool = False) -> State:
    return _task(
        "aws-sdk:ecs:describeServices",
        {"Cluster": target.cluster_name, "Services": [target.names.deployed_name]},
        assign={
            "service": "{% ($found := $states.result.Services[Status='ACTIVE'][0]; $exists($found) ? $found : null) %}"
        },
        then=then,
        fails=fails,
        keeps_error=keeps_error,
    )


def _deploy(target: ReleaseTarget) -> State:
    mine = "$service.Deployments[Id=$deployment]"
    reason = "$service.Deployments[Status='PRIMARY'].RolloutStateReason"
    names = ", ".join(f"'{name}'" for name in _REGISTERED)
    images = (
        f"$definition.ContainerDefinitions.(Name = '{target.container_name}' ? $merge([$, {{'Image': $image}}]) : $)"
    )
    image = {
        "RegistryId": target.registry_id,
        "RepositoryName": target.names.repository_name,
    }
    digest = "{% $substringAfter($image, '@') %}"
    return {
        # Keep the image from expiring before anything depends on it, which also shows that it is there.
        "Manifest": _task(
            "aws-sdk:ecr:batchGetImage",
            {**image, "ImageIds": [{"ImageDigest": digest}]},
            assign={
                "manifest": "{% $exists($states.result.Images[0]) ? $states.result.Images[0].ImageManifest : '' %}",
                "manifestType": "{% $exists($states.result.Images[0].ImageManifestMediaType) ? "
                "$states.result.Images[0].ImageManifestMediaType : 'application/vnd.oci.image.manifest.v1+json' %}",
            },
            then="IsImageThere",
        ),
        "IsImageThere": _choice(("$manifest = ''", "Expired"), otherwise="Keep"),
        "Expired": _set(
            "Failed",
            error="'Release.ImageExpired'",
            cause=f"$image & ' is not in the repository {target.names.repository_name} any more'",
        ),
        "Keep": _task(
            "aws-sdk:ecr:putImage",
            {
                **image,
                "ImageManifest": "{% $manifest %}",
                "ImageManifestMediaType": "{% $manifestType %}",
                "ImageDigest": digest,
                "ImageTag": f"{{% '{target.names.ring_tag_prefix}' & $string(($version + 1) % {RING_SIZE}) %}}",
            },
            catch={"Ecr.ImageAlreadyExistsException": "Register"},
            then="Register",
        ),
        "Register": _task(
            "aws-sdk:ecs:registerTaskDefinition",
            f"{{% $merge([$sift($definition, function($value, $key) {{ $key in [{names}] }}), "
            f"{{'ContainerDefinitions': [{images}]}}, $count($tags) > 0 ? {{'Tags': $tags}} : {{}}]) %}}",
            assign={"revision": "{% $states.result.TaskDefinition.TaskDefinitionArn %}"},
            then="Update",
        ),
        "Update": _task(
            "aws-sdk:ecs:updateService",
            {
                "Cluster": target.cluster_name,
                "Service": target.names.deployed_name,
                "TaskDefinition": "{% $revision %}",
            },
            assign={
                "deployment": "{% $states.result.Service.Deployments[Status='PRIMARY'].Id %}",
                "registered": True,
                "touched": True,
                "base": "",
                "polls": 0,
            },
            then="WaitForDeployment",
        ),
        "WaitForDeployment": _wait("polls", then="Progress", seconds=target.poll_seconds),
        "Progress": _describe_service(target, then="Outcome", fails="PutBack"),
        # ECS forgets a deployment that failed once its tasks are gone, and makes the one before it primary again.
        "Outcome": _choice(
            (f"{mine}.RolloutState = 'COMPLETED'", "Tasks"),
            # Rollout states are for rolling deployments; others are over when nothing else is left:
            # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Deployment.html
            (
                f"$exists({mine}) and $not($exists({mine}.RolloutState)) and $count($service.Deployments) = 1 and "
                f"{mine}.RunningCount = {mine}.DesiredCount",
                "Tasks",
            ),
            (f"{mine}.RolloutState = 'FAILED'", "RolledBack"),
            (
                f"{mine}.Status = 'PRIMARY' and $polls * {target.poll_seconds} < {target.timeout_seconds}",
                "WaitForDeployment",
            ),
            (f"{mine}.Status = 'PRIMARY'", "TooSlow"),
            ("$service.TaskDefinition = $before", "RolledBack"),
            (f"$exists({reason}) ? $contains({reason}, 'rolling back') : false", "RolledBack"),
            (f"$attempt < {_ATTEMPTS}", "StartAgain"),
            otherwise="Superseded",
        ),
        "StartAgain": _wait("attempt", then="Service"),
        "Superseded": _set(
            "UnlockFailed",  # what runs is somebody else's, and newer
            error="'Release.Superseded'",
            cause="'other deployments of the service kept replacing this one; now runs ' & $service.TaskDefinition",
        ),
        "TooSlow": _set(
            "PutBack",
            error="'Release.Timeout'",
            cause=f"'the service was not steady after {target.timeout_seconds} seconds: ' & "
            "$join($service.Events[[0..4]].Message, ' | ')",
        ),
    }


def _explain(target: ReleaseTarget) -> State:
    """Why ECS gave up, in its own words."""
    exit_code = "(ExitCode >= 0 ? ', exit code ' & $string(ExitCode) : '') & ($exists(Reason) ? ', ' & Reason : '')"
    reasons = (
        "$states.result.Tasks[TaskDefinitionArn=$revision].(StoppedReason & "
        f"$join(Containers[Name='{target.container_name}'].({exit_code})))"
    )
    return {
        "RolledBack": _set(
            "Stopped",
            error="'Release.RolledBack'",
            cause="'ECS put ' & $before & ' back. ' & $join($service.Events[[0..4]].Message, ' | ')",
        ),
        "Stopped": _task(
            "aws-sdk:ecs:listTasks",
            {
                "Cluster": target.cluster_name,
                "ServiceName": target.names.deployed_name,
                "DesiredStatus": "STOPPED",
                "MaxResults": _TASKS,
            },
            assign={"tasks": "{% [$states.result.TaskArns] %}"},
            then="HasStopped",
            fails="UnlockFailed",
            keeps_error=True,
        ),
        "HasStopped": _choice(("$count($tasks) > 0", "StoppedTasks"), otherwise="UnlockFailed"),
        "StoppedTasks": _task(
            "aws-sdk:ecs:describeTasks",
            {"Cluster": target.cluster_name, "Tasks": "{% $tasks %}"},
            assign={
                "cause": f"{{% ($reasons := $distinct({reasons}); $count($reasons) > 0 ? "
                "$cause & ' Tasks stopped: ' & $join($reasons, ' | ') : $cause) %}"
            },
            then="UnlockFailed",
            fails="UnlockFailed",
            keeps_error=True,
        ),
    }


def _verify(target: ReleaseTarget) -> State:
    """Ask the tasks themselves. One page of them is enough to believe it."""
    digests = f"$states.result.Tasks[LastStatus='RUNNING'].Containers[Name='{target.container_name}'].ImageDigest"
    return {
        "Tasks": _task(
            "aws-sdk:ecs:listTasks",
            {
                "Cluster": target.cluster_name,
                "ServiceName": target.names.deployed_name,
                "DesiredStatus": "RUNNING",
                "MaxResults": _TASKS,
            },
            assign={"tasks": "{% [$states.result.TaskArns] %}"},
            then="AreThereTasks",
            fails="PutBack",
        ),
        "AreThereTasks": _choice(
            ("$count($tasks) > 0", "Running"),
            ("$service.DesiredCount = 0", "Newest"),
            (f"$checks < {_VERIFICATIONS}", "WaitForTasks"),
            otherwise="NotRunning",
        ),
        "WaitForTasks": _wait("checks", then="Tasks"),
        "Running": _task(
            "aws-sdk:ecs:describeTasks",
            {"Cluster": target.cluster_name, "Tasks": "{% $tasks %}"},
            assign={"digests": f"{{% [$distinct({digests})] %}}"},
            then="IsItTheDigest",
            fails="PutBack",
        ),
        "IsItTheDigest": _choice(
            ("$not($contains($image, '@'))", "Newest"),
            ("$count($digests) = 1 and $digests[0] = $substringAfter($image, '@')", "Newest"),
            (f"$checks < {_VERIFICATIONS}", "WaitForTasks"),
            otherwise="NotRunning",
        ),
        "NotRunning": _set(
            "PutBack",
            error="'Release.NotRunning'",
            cause="'ECS reports the deployment as completed, but its tasks run ' & "
            "(($exists($digests) and $count($digests) > 0) ? $join($digests, ', ') : 'nothing') & "
            "' and not ' & $image",
        ),
        # A template that was deployed between this release's look and its update: start again from it.
        "Newest": _task(
            "aws-sdk:ecs:describeTaskDefinition",
            {"TaskDefinition": target.names.deployed_name},
            assign={"newest": "{% $states.result.TaskDefinition.TaskDefinitionArn %}"},
            then="IsItTheNewest",
            fails="PutBack",
        ),
        "IsItTheNewest": _choice(
            ("$not($registered) or $newest = $revision", "IsItRecorded"),
            (f"$attempt < {_ATTEMPTS}", "NewerTemplate"),
            otherwise="IsItRecorded",
        ),
        "NewerTemplate": _set("Service", attempt="$attempt + 1", base="$newest", registered="false"),
    }


def _record(target: ReleaseTarget) -> State:
    def write(parameter: str, value: str, then: str) -> State:
        state = _task(
            "aws-sdk:ssm:putParameter",
            {"Name": parameter, "Value": value, "Type": "String", "Overwrite": True},
            then=then,
        )
        state["Catch"] = [
            {
                "ErrorEquals": ["States.ALL"],
                "Next": "PutBack",
                "Assign": {
                    "error": "Release.NotRecorded",
                    "cause": f"{{% 'it ran, but {parameter} could not be written: ' & "
                    "$states.errorOutput.Error & ': ' & $states.errorOutput.Cause %}",
                },
            }
        ]
        return state

    names = target.names
    release = "{% $string({'image': $image, 'baseImage': $baseImage, 'commit': $commit, 'by': $by, 'why': $why}) %}"
    return {
        "IsItRecorded": _choice(("$recorded = $image", "Unlock"), otherwise="IsBaseKnown"),
        "IsBaseKnown": _choice(("$baseImage = ''", "RecordRelease"), otherwise="RecordBaseImage"),
        "RecordBaseImage": write(names.base_image_parameter, "{% $baseImage %}", "RecordRelease"),
        "RecordRelease": write(names.release_parameter, release, "RecordImage"),
        # Last: it is what counts, and it is only written when all else is recorded.
        "RecordImage": write(names.image_parameter, "{% $image %}", "Unlock"),
    }


def _put_back(target: ReleaseTarget) -> State:
    """The service runs what is not recorded: give it back what it ran before."""
    settled = "$not($service.Deployments[Status='PRIMARY'].RolloutState = 'IN_PROGRESS')"
    return {
        "PutBack": _choice(("$revision = $before", "UnlockFailed"), otherwise="UpdateBack"),
        "UpdateBack": _task(
            "aws-sdk:ecs:updateService",
            {"Cluster": target.cluster_name, "Service": target.names.deployed_name, "TaskDefinition": "{% $before %}"},
            assign={"cause": "{% $cause & ' The service is back on ' & $before & '.' %}"},
            then="WaitToSettle",
            fails="UnlockFailed",
            keeps_error=True,
        ),
        "WaitToSettle": _wait("settling", then="Settling", seconds=target.poll_seconds),
        "Settling": _describe_service(target, then="IsItSettled", fails="UnlockFailed", keeps_error=True),
        "IsItSettled": _choice(
            (f"{settled} or $settling * {target.poll_seconds} >= {target.timeout_seconds}", "UnlockFailed"),
            otherwise="WaitToSettle",
        ),
    }


def _end(target: ReleaseTarget) -> State:
    def unlock(then: str) -> State:
        state = _task(
            "dynamodb:deleteItem",
            {
                "TableName": target.locks_table,
                "Key": {LOCK_KEY: {"S": target.names.deployed_name}},
                "ConditionExpression": "Holder = :me",
                "ExpressionAttributeValues": {":me": {"S": "{% $me %}"}},
            },
            then=then,
        )
        # A lock that stays is taken over once this execution has ended.
        state["Catch"] = [{"ErrorEquals": ["States.ALL"], "Next": then}]
        return state

    return {
        "Unlock": unlock("Released"),
        "Released": {"Type": "Succeed", "Output": {"image": "{% $image %}", "taskDefinition": "{% $revision %}"}},
        # From the first update on, the service may run what is not recorded.
        "Failed": _choice(("$touched", "PutBack"), otherwise="UnlockFailed"),
        "UnlockFailed": unlock("Fail"),
        "Fail": {"Type": "Fail", "Error": "{% $error %}", "Cause": "{% $cause %}"},
    }

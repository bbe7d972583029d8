"""The ECS standard deployment: new images into a new revision of what the service runs."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from pythonbase_localcloud.aws.codepipeline.context import ActionContext, ActionFailedError

_POLL_SECONDS = 0.4
_DEFAULT_MINUTES = 60
_REGISTERED = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "ephemeralStorage",
    "runtimePlatform",
)


def run(context: ActionContext) -> Mapping[str, str]:
    """Register a revision with the images of ``imagedefinitions.json``, update the service, wait for the rollout."""
    cluster, name = context.configuration["ClusterName"], context.configuration["ServiceName"]
    images = _image_definitions(context)
    client = context.client("ecs")
    service = _service(client, cluster, name)
    current = client.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
    definition = current["taskDefinition"]
    containers = {container["name"]: container for container in definition["containerDefinitions"]}
    unknown = sorted(set(images) - set(containers))
    if unknown:
        raise ActionFailedError(
            "The image definition file contains container names that are not in the task "
            f"definition {definition['taskDefinitionArn']}: {', '.join(unknown)}",
            code="ConfigurationError",
        )
    for container_name, image in images.items():
        containers[container_name]["image"] = image
    tags = {"tags": current["tags"]} if current.get("tags") else {}
    revision = client.register_task_definition(
        **{key: definition[key] for key in _REGISTERED if definition.get(key)},
        **tags,
    )["taskDefinition"]["taskDefinitionArn"]
    updated = client.update_service(cluster=cluster, service=name, taskDefinition=revision)["service"]
    deployment = next(item for item in updated["deployments"] if item["taskDefinition"] == revision)
    context.result.update(externalExecutionId=deployment["id"])
    minutes = int(context.configuration.get("DeploymentTimeout") or _DEFAULT_MINUTES)
    _wait(context, client, cluster, name, deployment["id"], minutes)
    context.result["externalExecutionSummary"] = f"Deployment {deployment['id']} of {revision} succeeded"
    return {}


def _image_definitions(context: ActionContext) -> dict[str, str]:
    file = context.configuration.get("FileName") or "imagedefinitions.json"
    content = context.get_input(next(iter(context.inputs)))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = json.loads(archive.read(file))
        return {str(entry["name"]): str(entry["imageUri"]) for entry in entries}
    except KeyError as error:
        raise ActionFailedError(
            f"Did not find the image definition file {file} in the input artifacts ZIP file. "
            f"Verify the file is stored in your pipeline's artifact bucket: {error}",
            code="ConfigurationError",
        ) from error
    except (ValueError, TypeError) as error:
        raise ActionFailedError(
            f"Invalid image definition file {file}: a list of name and imageUri is needed: {error}",
            code="ConfigurationError",
        ) from error


def _service(client: Any, cluster: str, name: str) -> dict[str, Any]:
    found = client.describe_services(cluster=cluster, services=[name])["services"]
    if not found or found[0]["status"] != "ACTIVE":
        raise ActionFailedError(f"The Amazon ECS service '{name}' does not exist.", code="ConfigurationError")
    service: dict[str, Any] = found[0]
    return service


def _wait(context: ActionContext, client: Any, cluster: str, name: str, deployment_id: str, minutes: int) -> None:
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        context.wait(_POLL_SECONDS)
        service = _service(client, cluster, name)
        deployment = next((item for item in service["deployments"] if item["id"] == deployment_id), None)
        if deployment is None:
            raise ActionFailedError(f"The deployment {deployment_id} was replaced by another one")
        if deployment.get("rolloutState") == "COMPLETED":
            return
        if deployment.get("rolloutState") == "FAILED":
            primary = next((item for item in service["deployments"] if item["status"] == "PRIMARY"), deployment)
            back = f" The service was rolled back to {primary['taskDefinition']}." if primary is not deployment else ""
            raise ActionFailedError(
                f"Deployment failed: {deployment.get('rolloutStateReason')}{back}"
                + _stopped_task(client, cluster, name, deployment["taskDefinition"])
            )
    raise ActionFailedError(
        f"The action failed because the deployment did not reach a steady state in {minutes} minutes", code="Timeout"
    )


def _stopped_task(client: Any, cluster: str, name: str, definition: str) -> str:
    """Why the last task stopped. An extra of the local cloud; without permission it is left out."""
    try:
        arns = client.list_tasks(cluster=cluster, serviceName=name, desiredStatus="STOPPED")["taskArns"]
        tasks = client.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    except ClientError:
        return ""
    reasons = [task for task in tasks if task["taskDefinitionArn"] == definition and task.get("stoppedReason")]
    if not reasons:
        return ""
    last = max(reasons, key=lambda task: str(task.get("stoppedAt") or ""))
    return f" Last stopped task: {last['stoppedReason']}"

"""Custom resource: the newest revision of a task definition's family has the released image.

Handler for the CDK provider framework. Only boto3, which the Lambda runtime has.
"""

from __future__ import annotations

from typing import Any

import boto3

TEMPLATE_TAG = "pythonbase:template"
_REGISTERED = (
    "containerDefinitions",
    "cpu",
    "enableFaultInjection",
    "ephemeralStorage",
    "executionRoleArn",
    "family",
    "ipcMode",
    "memory",
    "networkMode",
    "pidMode",
    "placementConstraints",
    "proxyConfiguration",
    "requiresCompatibilities",
    "runtimePlatform",
    "taskRoleArn",
    "volumes",
)


class NoRecordError(Exception):
    """Nothing is recorded; the message is what the deployment shows."""


def on_event(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - the signature is Lambda's
    """Register the template's revision with the recorded image, unless the newest revision is just that.

    Also when CloudFormation rolls back: it then sends an update with the properties of before. A deletion changes
    nothing.

    Raises:
        NoRecordError: if the parameter with the recorded image is missing.
    """
    properties = event["ResourceProperties"]
    family = str(properties["Family"])
    if event["RequestType"] != "Delete":
        ecs = boto3.client("ecs")
        image = _recorded(str(properties["ImageParameter"]))
        template = ecs.describe_task_definition(taskDefinition=properties["TaskDefinition"], include=["TAGS"])
        wanted = _with_image(template["taskDefinition"], str(properties["ContainerName"]), image)
        if wanted != _newest(ecs, family):
            tags = [tag for tag in template.get("tags", []) if not tag["key"].startswith(("aws:", TEMPLATE_TAG))]
            arn = template["taskDefinition"]["taskDefinitionArn"]
            ecs.register_task_definition(**wanted, tags=[*tags, {"key": TEMPLATE_TAG, "value": arn}])
    return {"PhysicalResourceId": family}


def _recorded(parameter: str) -> str:
    ssm = boto3.client("ssm")
    try:
        return str(ssm.get_parameter(Name=parameter)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound as error:
        raise NoRecordError(
            f"the parameter {parameter}, which records the released image, is missing: pythonbase doctor says how to "
            "put it back"
        ) from error


def _with_image(definition: dict[str, Any], container: str, image: str) -> dict[str, Any]:
    """What to register. Before the first release the template's own image, which may be pulled."""
    wanted = _content(definition)
    if "@" in image:
        wanted["containerDefinitions"] = [
            {**item, "image": image} if item["name"] == container else item for item in wanted["containerDefinitions"]
        ]
    return wanted


def _newest(ecs: Any, family: str) -> dict[str, Any] | None:
    """The content of the family's latest active revision."""
    try:
        return _content(ecs.describe_task_definition(taskDefinition=family)["taskDefinition"])
    except ecs.exceptions.ClientException:  # there is none
        return None


def _content(definition: dict[str, Any]) -> dict[str, Any]:
    return {key: definition[key] for key in _REGISTERED if definition.get(key) is not None}

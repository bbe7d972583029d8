"""Calls any API operation with a role's session, in the spelling of Step Functions and Scheduler (PascalCase)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_localcloud.aws import seams
from pythonbase_localcloud.aws.iam import credentials

#: names of the Java SDK, which both services use, that differ from boto3's
_BOTO_NAMES = {
    "sfn": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "elasticloadbalancingv2": "elbv2",
}


class SdkError(Exception):
    """The call failed: ``error`` is the name that a state machine's Catch matches."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


def call(
    service: str, action: str, parameters: Mapping[str, Any], session: credentials.Credentials, *, retries: int = 3
) -> Any:
    """Run ``aws-sdk:<service>:<action>`` and return its result as Step Functions shows it. Raises `SdkError`.

    `retries` is how often the SDK itself tries again after throttling and server errors.
    """
    client = credentials.client(_BOTO_NAMES.get(service, service), session, retries=retries)
    prefix = _exception_prefix(client.meta.service_model.service_id)
    operation = action[:1].upper() + action[1:]
    if operation not in client.meta.service_model.operation_names:
        raise SdkError("States.Runtime", f"the service {service} has no operation {operation}")
    model = client.meta.service_model.operation_model(operation)
    try:
        result = getattr(client, xform_name(operation))(**_to_wire(dict(parameters or {}), model.input_shape))
    except ClientError as error:
        found = error.response["Error"]
        modelled = {shape.error_code: shape.name for shape in model.error_shapes}
        modelled |= {shape.name: shape.name for shape in model.error_shapes}
        name = _class_name(modelled[found["Code"]]) if found["Code"] in modelled else f"{prefix}Exception"
        meta: Mapping[str, Any] = error.response.get("ResponseMetadata") or {}
        raise SdkError(
            f"{prefix}.{name}",
            f"{found.get('Message', '')} (Service: {prefix}, Status Code: "
            f"{meta.get('HTTPStatusCode')}, Request ID: {meta.get('RequestId')})",
        ) from error
    except BotoCoreError as error:
        raise SdkError(f"{prefix}.SdkClientException", str(error)) from error
    result.pop("ResponseMetadata", None)
    return _from_wire(result, model.output_shape)


def _class_name(shape: str) -> str:
    """A modelled error's class in the Java SDK, which is what a state machine sees: ``ParameterNotFoundException``.

    An error that the operation does not model (throttling in ECS, a refusal in most services) is the service's base
    class, ``Ecs.EcsException``.
    """
    return shape if shape.endswith("Exception") else shape.removesuffix("Fault") + "Exception"


def _exception_prefix(service_id: str) -> str:
    """``CodePipeline``, ``Ssm``, ``DynamoDb``: the service id as the Java SDK writes it.

    https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
    """
    return "".join(word.capitalize() for word in re.split(r"(?<=[a-z])(?=[A-Z])|[ -]", service_id))


def _to_wire(value: Any, shape: Any) -> Any:
    """Member names as the API spells them; the keys of maps are data."""
    if shape is None or value is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {name.lower(): name for name in shape.members}
        return {
            names.get(key.lower(), key): _to_wire(item, shape.members.get(names.get(key.lower(), key)))
            for key, item in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_to_wire(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _to_wire(item, shape.value) for key, item in value.items()}
    return value


def _from_wire(value: Any, shape: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if shape is None:
        return value
    return _renamed(value, shape)


def _renamed(value: Any, shape: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            seams.stepfunctions._api_name_to_sfn_key(key): _from_wire(item, shape.members.get(key))
            for key, item in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_from_wire(item, shape.member) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _from_wire(item, shape.value) for key, item in value.items()}
    return value

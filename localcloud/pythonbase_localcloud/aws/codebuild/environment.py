"""Environment variables of a build, resolved with the project's own service role."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .buildspec import Buildspec

Client = Callable[[str], Any]


class VariableError(Exception):
    """A variable cannot be resolved; CodeBuild fails the build in DOWNLOAD_SOURCE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def resolve(
    spec: Buildspec, project: Iterable[Mapping[str, Any]], overrides: Sequence[Mapping[str, Any]], client: Client
) -> dict[str, str]:
    """The variables by name. An override wins over the project, the project over the buildspec.

    `client` makes a client with the service role for the service it is given.
    """
    declared: dict[str, tuple[str, str]] = {}
    for name, value in spec.variables.items():
        declared[name] = ("PLAINTEXT", value)
    for name, value in spec.parameter_store.items():
        declared[name] = ("PARAMETER_STORE", value)
    for name, value in spec.secrets_manager.items():
        declared[name] = ("SECRETS_MANAGER", value)
    for variable in (*project, *overrides):
        declared[str(variable["name"])] = (str(variable.get("type") or "PLAINTEXT"), str(variable.get("value", "")))
    return {name: _value(kind, value, client) for name, (kind, value) in declared.items()}


def _value(kind: str, value: str, client: Client) -> str:
    if kind == "PARAMETER_STORE":
        return _parameter(value, client)
    if kind == "SECRETS_MANAGER":
        return _secret(value, client)
    return value


def _parameter(name: str, client: Client) -> str:
    try:
        # CodeBuild reads parameters with ssm:GetParameters.
        found = client("ssm").get_parameters(Names=[name], WithDecryption=True)
    except (ClientError, BotoCoreError) as error:
        raise VariableError("PARAMETER_STORE_ERROR", f"Parameter Store: {error}") from error
    if not found["Parameters"]:
        raise VariableError("PARAMETER_STORE_ERROR", f"Parameter Store: parameter {name} does not exist")
    return str(found["Parameters"][0]["Value"])


def _secret(reference: str, client: Client) -> str:
    # <id or ARN>[:<JSON key>[:<version stage>[:<version id>]]]; an ARN itself has six colons.
    parts = reference.split(":")
    length = 7 if reference.startswith("arn:") else 1
    identifier, (key, stage, version) = ":".join(parts[:length]), ([*parts[length:], "", "", ""])[:3]
    try:
        secret = client("secretsmanager").get_secret_value(
            SecretId=identifier,
            **({"VersionStage": stage} if stage else {}),
            **({"VersionId": version} if version else {}),
        )
        text = str(secret["SecretString"])
        return str(json.loads(text)[key]) if key else text
    except (ClientError, BotoCoreError) as error:
        raise VariableError("SECRETS_MANAGER_ERROR", f"Secrets Manager: {error}") from error
    except (KeyError, ValueError) as error:
        raise VariableError("SECRETS_MANAGER_ERROR", f"Secrets Manager: {reference} has no key {key}") from error

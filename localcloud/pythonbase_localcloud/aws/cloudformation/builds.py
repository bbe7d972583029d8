"""Members of AWS::CodeBuild::Project that MiniStack drops."""

from __future__ import annotations

from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties, amend, as_bool, camel

_MEMBERS = (
    "VpcConfig",
    "LogsConfig",
    "Cache",
    "QueuedTimeoutInMinutes",
    "ConcurrentBuildLimit",
    "EncryptionKey",
    "SecondarySources",
    "SecondaryArtifacts",
    "Description",
    "FileSystemLocations",
    "Visibility",
)
_INTEGERS = ("queuedTimeoutInMinutes", "concurrentBuildLimit")


def _apply(name: str, properties: Properties) -> None:
    project = seams.codebuild._projects[name]
    for member in _MEMBERS:
        key = member[0].lower() + member[1:]
        if member in properties:
            project[key] = int(properties[member]) if key in _INTEGERS else camel(properties[member])
        elif key in _INTEGERS or key in ("vpcConfig", "logsConfig", "cache"):
            project.pop(key, None)
    normalize(project)


def normalize(project: Any) -> None:
    """Booleans and the type of environment variables, as the API returns them."""
    environment = project.get("environment") or {}
    for variable in environment.get("environmentVariables") or []:
        variable.setdefault("type", "PLAINTEXT")
    for member in ("privilegedMode",):
        if member in environment:
            environment[member] = as_bool(environment[member])


def install() -> None:
    """Repair the type."""
    amend("AWS::CodeBuild::Project", _apply)
    shape = seams.codebuild._project_shape

    def project_shape(project: Any) -> dict[str, Any]:
        more = {
            key: project[key]
            for member in _MEMBERS
            if (key := member[0].lower() + member[1:]) in project and key not in ("description", "encryptionKey")
        }
        return {**shape(project), **more}

    seams.codebuild._project_shape = project_shape

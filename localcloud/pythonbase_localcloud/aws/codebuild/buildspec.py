"""A buildspec, version 0.2, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")


class BuildspecError(Exception):
    """The buildspec is not valid; CodeBuild reports it as YAML_FILE_ERROR."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Commands of one phase."""

    name: str
    commands: tuple[str, ...]
    finally_: tuple[str, ...]
    on_failure: str
    """``ABORT`` (the default of every phase) or ``CONTINUE``."""


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """What a build hands on."""

    files: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    base_directory: str = "."
    discard_paths: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """Test results that a build leaves behind. `name` is that of a group of the project, or a group's ARN."""

    name: str
    files: tuple[str, ...]
    base_directory: str = "."


@dataclass(frozen=True, kw_only=True)
class Buildspec:
    """Everything of a buildspec that the runner acts on."""

    shell: str
    variables: Mapping[str, str]
    parameter_store: Mapping[str, str]
    secrets_manager: Mapping[str, str]
    exported_variables: tuple[str, ...]
    phases: tuple[Phase, ...]
    artifacts: Artifacts | None
    secondary_artifacts: Mapping[str, Artifacts] = field(default_factory=dict)
    reports: tuple[Report, ...] = ()


def parse(text: str) -> Buildspec:
    """Read YAML or JSON. Raises `BuildspecError` with the member that is wrong."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildspecError(f"YAML_FILE_ERROR: {error}") from error
    if not isinstance(document, dict) or str(document.get("version")) not in ("0.1", "0.2"):
        raise BuildspecError('YAML_FILE_ERROR: the buildspec needs "version: 0.2"')
    env = _mapping(document, "env")
    artifacts = _mapping(document, "artifacts")
    secondary = {name: _artifacts(value) for name, value in _mapping(artifacts, "secondary-artifacts").items()}
    return Buildspec(
        shell=str(env.get("shell") or "sh"),
        variables=_strings(env, "variables"),
        parameter_store=_strings(env, "parameter-store"),
        secrets_manager=_strings(env, "secrets-manager"),
        exported_variables=tuple(_list(env, "exported-variables")),
        phases=tuple(
            _phase(name, _mapping(_mapping(document, "phases"), name))
            for name in PHASES
            if name in _mapping(document, "phases")
        ),
        artifacts=_artifacts(artifacts) if artifacts.get("files") else None,
        secondary_artifacts=secondary,
        reports=tuple(
            _report(name, _mapping(_mapping(document, "reports"), name)) for name in document.get("reports") or ()
        ),
    )


def _phase(name: str, value: Mapping[str, Any]) -> Phase:
    return Phase(
        name=name.upper(),
        commands=tuple(_list(value, "commands")),
        finally_=tuple(_list(value, "finally")),
        on_failure=str(value.get("on-failure") or "ABORT"),
    )


def _artifacts(value: Mapping[str, Any]) -> Artifacts:
    return Artifacts(
        files=tuple(_list(value, "files")),
        exclude=tuple(_list(value, "exclude-paths")),
        base_directory=str(value.get("base-directory") or "."),
        discard_paths=str(value.get("discard-paths") or "no").lower() in ("yes", "true"),
    )


def _report(name: str, value: Mapping[str, Any]) -> Report:
    kind = str(value.get("file-format") or "JUNITXML").upper()
    if kind != "JUNITXML":
        raise BuildspecError(f"YAML_FILE_ERROR: the local cloud reads reports of the format JUNITXML, not {kind}")
    return Report(
        name=str(name),
        files=tuple(_list(value, "files")),
        base_directory=str(value.get("base-directory") or "."),
    )


def _mapping(document: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    value = document.get(member) or {}
    if not isinstance(value, dict):
        raise BuildspecError(f"YAML_FILE_ERROR: {member} must be a mapping")
    return value


def _strings(document: Mapping[str, Any], member: str) -> Mapping[str, str]:
    return {str(key): _text(value) for key, value in _mapping(document, member).items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list(document: Mapping[str, Any], member: str) -> list[str]:
    value = document.get(member) or []
    if not isinstance(value, list) or not all(isinstance(item, (str, int, float)) for item in value):
        raise BuildspecError(f"YAML_FILE_ERROR: {member} must be a list of strings")
    return [str(item) for item in value]

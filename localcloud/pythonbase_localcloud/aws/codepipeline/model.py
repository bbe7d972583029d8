"""Pipeline declarations: defaults, checks, and the template's spelling."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pythonbase_localcloud.aws.json_service import ApiError

from . import stage_failure

Declaration = dict[str, Any]

#: category, owner, provider of the actions that this engine runs.
SUPPORTED = {
    ("Source", "AWS", "CodeStarSourceConnection"),
    ("Build", "AWS", "CodeBuild"),
    ("Test", "AWS", "CodeBuild"),
    ("Deploy", "AWS", "ECS"),
    ("Invoke", "AWS", "StepFunctions"),
    ("Invoke", "AWS", "Lambda"),
    ("Approval", "AWS", "Manual"),
}
_TEMPLATE_MEMBERS = (
    "RoleArn",
    "ArtifactStore",
    "ArtifactStores",
    "Stages",
    "PipelineType",
    "ExecutionMode",
    "Variables",
    "Triggers",
)
_MINIMUM_STAGES = 2
_TIMEOUT_MINUTES = (5, 86_400)


def from_template(properties: Mapping[str, Any], *, name: str) -> Declaration:
    """The declaration of an AWS::CodePipeline::Pipeline."""
    declaration: Declaration = _camel({key: properties[key] for key in _TEMPLATE_MEMBERS if key in properties})
    return normalize({**declaration, "name": name})


def _camel(value: Any, *, free: bool = False) -> Any:
    """PascalCase to camelCase, except the keys of an action's Configuration, which are data."""
    if isinstance(value, dict):
        if free:
            return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}
        return {key[:1].lower() + key[1:]: _camel(item, free=key == "Configuration") for key, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def normalize(declaration: Mapping[str, Any]) -> Declaration:
    """A copy with every default; raises ApiError as CodePipeline does for a wrong structure."""
    pipeline: Declaration = copy.deepcopy(dict(declaration))
    pipeline.setdefault("pipelineType", "V1")
    pipeline.setdefault("executionMode", "SUPERSEDED")
    pipeline.setdefault("variables", [])
    pipeline.setdefault("triggers", [])
    for action in (action for stage in pipeline.get("stages") or [] for action in stage.get("actions") or []):
        action["runOrder"] = int(action.get("runOrder") or 1)
        for member, empty in (("configuration", {}), ("inputArtifacts", []), ("outputArtifacts", [])):
            action.setdefault(member, copy.copy(empty))
    _check(pipeline)
    return pipeline


def _check(pipeline: Declaration) -> None:
    stages = pipeline.get("stages") or []
    if len(stages) < _MINIMUM_STAGES:
        raise ApiError("InvalidStructureException", "Pipeline should have at least 2 stages")
    if "artifactStore" not in pipeline and "artifactStores" not in pipeline:
        raise ApiError("InvalidStructureException", "Pipeline needs an artifact store")
    _check_unique("stage", [stage["name"] for stage in stages])
    produced: set[str] = set()
    for index, stage in enumerate(stages):
        _check_unique("action", [action["name"] for action in stage["actions"]])
        stage_failure.check(pipeline, stage, first=index == 0)
        for action in sorted(stage["actions"], key=lambda action: int(action["runOrder"])):
            _check_action(stage, action, first=index == 0)
            missing = [artifact["name"] for artifact in action["inputArtifacts"] if artifact["name"] not in produced]
            if missing:
                raise ApiError(
                    "InvalidStageDeclarationException",
                    f"Input Artifact Bundle {missing[0]} in action {action['name']} is declared but not "
                    "produced by an earlier action",
                )
            produced |= {artifact["name"] for artifact in action["outputArtifacts"]}


def _check_action(stage: Mapping[str, Any], action: Mapping[str, Any], *, first: bool) -> None:
    kind = action["actionTypeId"]
    _check_timeout(action)
    if (kind["category"] == "Source") != first:
        raise ApiError(
            "InvalidStageDeclarationException",
            f"Pipeline stage {stage['name']} should {'only' if first else 'not'} contain source actions",
        )
    if (kind["category"], kind["owner"], kind["provider"]) not in SUPPORTED:
        raise ApiError(
            "InvalidActionDeclarationException",
            f"ActionType (Category: '{kind['category']}', Provider: '{kind['provider']}', Owner: "
            f"'{kind['owner']}') in action '{action['name']}' is not available in the local cloud",
        )


def _check_timeout(action: Mapping[str, Any]) -> None:
    """`timeoutInMinutes` is for manual approvals only: 5 minutes to 60 days.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html
    """
    minutes = action.get("timeoutInMinutes")
    if minutes is None:
        return
    if action["actionTypeId"]["category"] != "Approval":
        reason = "is available to manual approvals only"
    elif not _TIMEOUT_MINUTES[0] <= int(minutes) <= _TIMEOUT_MINUTES[1]:
        reason = f"must be {_TIMEOUT_MINUTES[0]} to {_TIMEOUT_MINUTES[1]}, got {minutes}"
    else:
        return
    raise ApiError("InvalidActionDeclarationException", f"timeoutInMinutes of action '{action['name']}' {reason}")


def _check_unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ApiError("InvalidStructureException", f"The {what} name {name} is used more than once")


def stage_of(pipeline: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The stage; raises CodePipeline's StageNotFoundException."""
    for stage in pipeline["stages"]:
        if stage["name"] == name:
            found: Mapping[str, Any] = stage
            return found
    raise ApiError("StageNotFoundException", f"Stage {name} does not exist in pipeline {pipeline['name']}")


def source_actions(pipeline: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The source actions of a pipeline."""
    yield from pipeline["stages"][0]["actions"]


def store_of(pipeline: Mapping[str, Any], region: str) -> Mapping[str, Any]:
    """The artifact store for a region."""
    store: Mapping[str, Any] = pipeline.get("artifactStore") or pipeline["artifactStores"][region]
    return store

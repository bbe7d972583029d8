"""What starts executions, and the engine that runs them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws.json_service import ApiError
from pythonbase_localcloud.aws.settings import Settings

from . import executions
from .engine import Engine

_engine: list[Engine] = []


def engine() -> Engine:
    """The engine of this server."""
    return _engine[0]


def make_engine(settings: Settings) -> None:
    """Make it; called once."""
    _engine.append(Engine(settings))


def start(
    name: str,
    *,
    trigger: Mapping[str, Any],
    variables: Mapping[str, str] | None = None,
    revisions: Mapping[str, Any] | None = None,
) -> str:
    """Start an execution; return its id."""
    declaration = executions.pipeline(name)["pipeline"]
    declared = {variable["name"]: variable.get("defaultValue") for variable in declaration["variables"]}
    values = {**declared, **(variables or {})}
    unknown = sorted(set(values) - set(declared))
    missing = sorted(key for key, value in values.items() if value is None)
    if unknown or missing:
        raise ApiError(
            "ValidationException",
            "; ".join(
                [f"variable {key} is not declared in the pipeline" for key in unknown]
                + [f"variable {key} has no value and no default" for key in missing]
            ),
        )
    record = executions.new_execution(
        declaration,
        trigger=trigger,
        revisions=revisions or {},
        variables={key: str(value) for key, value in values.items()},
    )
    engine().start(record)
    return str(record["pipelineExecutionId"])


def webhook_trigger(*, connection: str, repository: str, commit: str, action: str, **origin: str) -> dict[str, str]:
    """The trigger of an execution that a repository started; `origin` is the branch, tag or pull request."""
    return {
        "triggerType": "WebhookV2",
        "triggerDetail": json.dumps(
            {
                "connectionArn": connection,
                "fullRepositoryName": repository,
                "commitId": commit,
                "sourceActionName": action,
                "providerType": "Bitbucket",
                **origin,
            }
        ),
    }

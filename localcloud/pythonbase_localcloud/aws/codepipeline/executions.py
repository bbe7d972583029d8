"""Stored pipelines and executions, and their public form."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pythonbase_localcloud.aws import scope, seams, store
from pythonbase_localcloud.aws.json_service import ApiError

pipelines = store.scoped_store("codepipeline", "pipelines")
executions = store.scoped_store("codepipeline", "executions")
Record = dict[str, Any]
OPEN = ("InProgress", "Stopping")
interrupted: list[tuple[str, str, Record, str]] = []
"""Account, region, execution and stage of what ran when the server before this one ended."""


def pipeline_arn(name: str) -> str:
    """ARN of a pipeline of the current account and region."""
    return f"arn:aws:codepipeline:{scope.region()}:{scope.account()}:{name}"


def pipeline(name: Any) -> Record:
    """The stored pipeline; raises PipelineNotFoundException."""
    record: Record | None = pipelines.get(str(name))
    if record is None:
        raise ApiError(
            "PipelineNotFoundException", f"Account '{scope.account()}' does not have a pipeline with name '{name}'"
        )
    return record


def execution(name: Any, execution_id: Any) -> Record:
    """The stored execution; raises PipelineExecutionNotFoundException."""
    record: Record | None = executions.get(str(execution_id))
    if record is None or record["pipelineName"] != name:
        raise ApiError(
            "PipelineExecutionNotFoundException",
            f"The pipeline execution was not found: {execution_id} in pipeline {name}",
        )
    return record


def of_pipeline(name: str) -> list[Record]:
    """The executions of a pipeline, newest first."""
    found = [record for record in executions.values() if record["pipelineName"] == name]
    return sorted(found, key=lambda record: float(record["startTime"]), reverse=True)


def new_execution(
    declaration: Mapping[str, Any],
    *,
    trigger: Mapping[str, Any],
    variables: Mapping[str, str],
    revisions: Mapping[str, Any],
) -> Record:
    """Store a new execution. `revisions` maps source action names to what the trigger says to build."""
    now = time.time()
    record: Record = {
        "pipelineName": declaration["name"],
        "pipelineVersion": declaration["version"],
        "pipelineExecutionId": str(uuid4()),
        "status": "InProgress",
        "statusSummary": "",
        "startTime": now,
        "lastUpdateTime": now,
        "artifactRevisions": [],
        "variables": [{"name": name, "resolvedValue": value} for name, value in variables.items()],
        "trigger": dict(trigger),
        "executionMode": declaration["executionMode"],
        "executionType": "STANDARD",
        "_declaration": copy.deepcopy(dict(declaration)),
        "_actions": [],
        "_stages": {},
        "_entered": {},
        "_artifacts": {},
        "_namespaces": {"variables": dict(variables)},
        "_revisions": dict(revisions),
        "_waiting": "",
    }
    executions[record["pipelineExecutionId"]] = record
    return record


def succeeded_actions(record: Mapping[str, Any], stage: str) -> frozenset[str]:
    """Names of the stage's actions whose latest run in this execution succeeded."""
    latest = {detail["actionName"]: detail["status"] for detail in record["_actions"] if detail["stageName"] == stage}
    return frozenset(name for name, status in latest.items() if status == "Succeeded")


def stages_to_run(record: Mapping[str, Any], first: int) -> list[Mapping[str, Any]]:
    """The stages from `first` on; of a rollback the one that is rolled back."""
    only = record.get("_only_stage")
    stages: list[Mapping[str, Any]] = record["_declaration"]["stages"]
    return [stage for stage in stages if stage["name"] == only] if only else stages[first:]


def public(record: Mapping[str, Any]) -> Record:
    """What GetPipelineExecution shows."""
    shown = (
        "pipelineName",
        "pipelineVersion",
        "pipelineExecutionId",
        "status",
        "statusSummary",
        "artifactRevisions",
        "variables",
        "trigger",
        "executionMode",
        "executionType",
        "rollbackMetadata",
    )
    return {key: record[key] for key in shown if record.get(key, "") != ""}


def summary(record: Mapping[str, Any]) -> Record:
    """What ListPipelineExecutions shows."""
    sources = {
        artifact["name"]: action["name"]
        for action in record["_declaration"]["stages"][0]["actions"]
        for artifact in action["outputArtifacts"]
    }
    return {
        **{
            key: record[key]
            for key in (
                "pipelineExecutionId",
                "status",
                "statusSummary",
                "startTime",
                "lastUpdateTime",
                "trigger",
                "executionMode",
                "executionType",
                "rollbackMetadata",
            )
            if record.get(key, "") != ""
        },
        "sourceRevisions": [
            {
                "actionName": sources.get(revision["name"], ""),
                **{key: revision[key] for key in ("revisionId", "revisionSummary", "revisionUrl") if key in revision},
            }
            for revision in record["artifactRevisions"]
        ],
    }


def caller() -> str:
    """ARN of who calls the API, for triggers and approvals."""
    return str(seams.iam_evaluator.caller_arn())


def end_interrupted() -> None:
    """After a restart nothing runs: what did is reported as failed. `interrupted` has what was in a stage."""
    text = "the local cloud was stopped during this execution"
    for (account, region, _), record in executions.all_items():
        if record["status"] in OPEN:
            record.update(status="Failed", statusSummary=text, _waiting="")
            for action in record["_actions"]:
                if action["status"] == "InProgress":
                    action["status"] = "Abandoned"
                    action["output"]["executionResult"].update(
                        externalExecutionSummary=text, errorDetails={"code": "JobFailed", "message": text}
                    )
            for name, stage in record["_stages"].items():
                if stage["status"] == "InProgress":
                    stage["status"] = "Failed"
                    interrupted.append((account, region, record, name))

"""What a stage's failure leads to: `onFailure` with ROLLBACK or RETRY, and the API RollbackStage.

A rollback is a new execution of one stage with the artifacts, variables and source revisions of an execution that
succeeded in it. As on AWS it runs all actions of the stage again, an approval among them, and no later stage.

https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback.html,
https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback-auto.html
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from pythonbase_localcloud.aws.json_service import ApiError

from . import executions

Record = executions.Record
RESULTS = ("ROLLBACK", "RETRY")
_STANDARD, _ROLLBACK = "STANDARD", "ROLLBACK"


def check(pipeline: Mapping[str, Any], stage: Mapping[str, Any], *, first: bool) -> None:
    """Raise ApiError for an `onFailure` that CodePipeline refuses, or that the local cloud does not know."""
    on_failure = stage.get("onFailure")
    if on_failure is None:
        return
    result = on_failure.get("result")
    if "conditions" in on_failure or result not in RESULTS:
        reason = f"the local cloud knows the results {' and '.join(RESULTS)} and no conditions, got {on_failure}"
    elif first:
        reason = "a source stage cannot be rolled back or retried by a condition"
    elif pipeline["pipelineType"] != "V2":
        reason = "conditions need a pipeline of type V2"
    elif result == "ROLLBACK" and pipeline["executionMode"] == "PARALLEL":
        reason = "a pipeline in PARALLEL mode cannot roll back"
    else:
        return
    raise ApiError("InvalidStageDeclarationException", f"Stage {stage['name']}: {reason}")


def retries(stage: Mapping[str, Any], record: Record) -> frozenset[str] | None:
    """The actions that an automatic retry keeps because they succeeded; None when the stage is not retried."""
    on_failure = stage.get("onFailure") or {}
    if on_failure.get("result") != "RETRY":
        return None
    if (on_failure.get("retryConfiguration") or {}).get("retryMode") == "ALL_ACTIONS":
        return frozenset()
    return executions.succeeded_actions(record, stage["name"])


def automatic(record: Record, stage: Mapping[str, Any]) -> Record | None:
    """The rollback that follows the failure of `stage` in this execution; None when there is none to be done."""
    if (stage.get("onFailure") or {}).get("result") != "ROLLBACK" or record["executionType"] == _ROLLBACK:
        return None
    target = next((run for run in executions.of_pipeline(record["pipelineName"]) if _fits(run, stage["name"])), None)
    if target is None:
        return None
    detail = json.dumps({"FailedPipelineExecutionId": record["pipelineExecutionId"]})
    return _new(target, stage["name"], trigger={"triggerType": "AutomatedRollback", "triggerDetail": detail})


def requested(name: str, stage: str, target_id: str, *, caller: str) -> Record:
    """RollbackStage; raises UnableToRollbackStageException."""
    target = executions.execution(name, target_id)
    busy = any(run["_stages"].get(stage, {}).get("status") == "InProgress" for run in executions.of_pipeline(name))
    if busy or not _fits(target, stage) or stage == target["_declaration"]["stages"][0]["name"]:
        raise ApiError(
            "UnableToRollbackStageException",
            "Unable to roll back the stage. The cause might be if the pipeline version has changed since the target "
            "pipeline execution was deployed, the stage is currently running, or an incorrect target pipeline "
            "execution ID was provided.",
        )
    return _new(target, stage, trigger={"triggerType": "ManualRollback", "triggerDetail": caller})


def _fits(run: Mapping[str, Any], stage: str) -> bool:
    """Whether the stage can be rolled back to this execution."""
    current = executions.pipelines.get(run["pipelineName"]) or {"pipeline": {"version": None}}
    return bool(
        run["executionType"] == _STANDARD
        and run["pipelineVersion"] == current["pipeline"]["version"]
        and run["_stages"].get(stage, {}).get("status") == "Succeeded"
    )


def _new(target: Record, stage: str, *, trigger: Mapping[str, str]) -> Record:
    record = executions.new_execution(
        target["_declaration"], trigger=trigger, variables=target["_namespaces"]["variables"], revisions={}
    )
    record.update(
        executionType=_ROLLBACK,
        rollbackMetadata={"rollbackTargetPipelineExecutionId": target["pipelineExecutionId"]},
        artifactRevisions=copy.deepcopy(target["artifactRevisions"]),
        _artifacts=copy.deepcopy(target["_artifacts"]),
        _namespaces=copy.deepcopy(target["_namespaces"]),
        _only_stage=stage,
    )
    return record

"""Runs executions: stage by stage, the actions of one run order side by side."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pythonbase_localcloud.aws import scope
from pythonbase_localcloud.aws.iam import credentials
from pythonbase_localcloud.aws.settings import Settings

from . import announcements, executions, model, preparation, stage_failure
from .actions import ACTIONS
from .context import ActionAbandonedError, ActionContext, ActionFailedError
from .gates import Gates, SupersededError

log = logging.getLogger("localcloud")

Record = executions.Record
_SUMMARY_CHARACTERS = 2000
_AUTOMATIC_RETRY = {
    "autoStageRetryAttempt": 1,
    "manualStageRetryAttempt": 0,
    "latestRetryTrigger": "AutomatedStageRetry",
}


class Engine:
    """One a server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gates = Gates()
        self._stopping: dict[str, threading.Event] = {}
        self._abandoned: dict[str, threading.Event] = {}
        self.running_actions: dict[str, ActionContext] = {}
        """By action execution id, for approvals."""

    def start(self, record: Record, *, first_stage: int = 0, keep: frozenset[str] = frozenset()) -> None:
        """Run the execution in the background, from a stage on; actions in `keep` have succeeded already."""
        execution_id = record["pipelineExecutionId"]
        self._stopping[execution_id] = threading.Event()
        self._abandoned[execution_id] = threading.Event()
        scope.spawn(self._run, record, first_stage, keep, name=f"pipeline-{record['pipelineName'][:30]}")

    def stop(self, record: Record, *, abandon: bool) -> None:
        """StopPipelineExecution: finish or abandon what runs, start nothing more."""
        execution_id = record["pipelineExecutionId"]
        record["status"] = "Stopping"
        self._stopping[execution_id].set()
        if abandon:
            self._abandoned[execution_id].set()

    def roll_back_interrupted(self) -> None:
        """After a restart, what follows the failure of the stages that were running."""
        while executions.interrupted:
            account, region, record, name = executions.interrupted.pop(0)
            with scope.scoped(account, region):
                rollback = stage_failure.automatic(record, model.stage_of(record["_declaration"], name))
                if rollback:
                    log.info("pipeline %s: the interrupted stage %s is rolled back", record["pipelineName"], name)
                    self.start(rollback)

    # ------------------------------------------------------------ executions

    def _run(self, record: Record, first_stage: int, keep: frozenset[str]) -> None:
        rollback = None
        try:
            status, summary, rollback = self._stages(record, first_stage, keep)
        except Exception as error:  # an execution must not stay open because of the emulator
            log.exception("pipeline %s", record["pipelineName"])
            status, summary = "Failed", f"the local cloud failed: {error}"
        record.update(status=status, statusSummary=summary, lastUpdateTime=time.time(), _waiting="")
        self._stopping.pop(record["pipelineExecutionId"], None)
        self._abandoned.pop(record["pipelineExecutionId"], None)
        announcements.emit(
            record,
            "Pipeline",
            {"Succeeded": "SUCCEEDED", "Failed": "FAILED", "Stopped": "STOPPED", "Superseded": "SUPERSEDED"}[status],
        )
        if rollback:
            self.start(rollback)

    def _stages(self, record: Record, first_stage: int, keep: frozenset[str]) -> tuple[str, str, Record | None]:
        """Status, summary, and the rollback that follows."""
        execution_id = record["pipelineExecutionId"]
        stopping = self._stopping[execution_id]
        announcements.emit(record, "Pipeline", "STARTED" if first_stage == 0 else "RESUMED")
        for stage in executions.stages_to_run(record, first_stage):
            gate = f"{scope.account()}/{scope.region()}/{record['pipelineName']}/{stage['name']}"
            rollback = None
            record["_waiting"] = stage["name"]
            try:
                self._gates.enter(gate, execution_id, mode=record["executionMode"], cancelled=stopping.is_set)
            except SupersededError:
                return "Superseded", "", None
            record["_waiting"] = ""
            try:
                if stopping.is_set():
                    return "Stopped", "the execution was stopped", None
                failure = self._stage(record, stage, keep)
                retried = stage_failure.retries(stage, record) if failure and not stopping.is_set() else None
                if retried is not None:
                    failure = self._stage(record, stage, retried, retryStageMetadata=_AUTOMATIC_RETRY)
                if failure and not stopping.is_set():
                    rollback = stage_failure.automatic(record, stage)
                    if rollback:
                        self._gates.hand_over(gate, execution_id, rollback["pipelineExecutionId"])
            finally:
                self._gates.leave(gate, execution_id)
            if stopping.is_set():
                return "Stopped", "the execution was stopped", None
            if failure:
                return "Failed", failure, rollback
        return "Succeeded", "", None

    def _stage(self, record: Record, stage: Mapping[str, Any], keep: frozenset[str], **shown: Any) -> str:
        """Run a stage; the empty text when it succeeded, else the first failure. `shown` goes into its state."""
        entered = {"status": "InProgress", "pipelineExecutionId": record["pipelineExecutionId"], **shown}
        record["_stages"][stage["name"]] = entered
        record["_entered"][stage["name"]] = time.time()
        announcements.emit(record, "Stage", "STARTED", stage=stage["name"])
        failure = ""
        actions = sorted(
            (action for action in stage["actions"] if action["name"] not in keep),
            key=lambda action: int(action["runOrder"]),
        )
        for _, group in groupby(actions, key=lambda action: int(action["runOrder"])):
            failure = self._together(record, stage["name"], list(group))
            if failure or self._stopping[record["pipelineExecutionId"]].is_set():
                break
        stopped = self._stopping[record["pipelineExecutionId"]].is_set()
        entered["status"] = "Stopped" if stopped else "Failed" if failure else "Succeeded"
        announcements.emit(record, "Stage", str(entered["status"]).upper(), stage=stage["name"])
        return failure

    def _together(self, record: Record, stage: str, actions: list[Mapping[str, Any]]) -> str:
        with ThreadPoolExecutor(max_workers=len(actions), thread_name_prefix="localcloud-action") as pool:
            # Each action gets its own copy of the account and region.
            runs = [
                pool.submit(contextvars.copy_context().run, self._action, record, stage, action) for action in actions
            ]
            failures = [run.result() for run in runs]
        return next((failure for failure in failures if failure), "")

    # ------------------------------------------------------------ actions

    def _action(self, record: Record, stage: str, action: Mapping[str, Any]) -> str:
        """Run one action; the empty text when it succeeded, else why not."""
        detail = preparation.new_detail(record, stage, action)
        record["_actions"].append(detail)
        announcements.emit_action(record, detail, "STARTED")
        result: dict[str, Any] = detail["output"]["executionResult"]
        try:
            context = preparation.context_of(
                self._settings, record, stage, action, detail, self._abandoned[record["pipelineExecutionId"]]
            )
            context.result = result
            self.running_actions[detail["actionExecutionId"]] = context
            try:
                variables = dict(ACTIONS[action["actionTypeId"]["provider"]](context))
            finally:
                del self.running_actions[detail["actionExecutionId"]]
            self._take_outputs(record, action, detail, context, variables)
            detail["status"], failure = "Succeeded", ""
        except ActionAbandonedError:
            detail["status"], failure = "Abandoned", ""
        except ActionFailedError as error:
            failure = self._fail(detail, error.code, str(error))
        except credentials.AssumeRoleError as error:
            failure = self._fail(detail, "PermissionError", str(error))
        except ClientError as error:
            denied = "AccessDenied" in error.response["Error"]["Code"]
            text = ("The provided role does not have sufficient permissions: " if denied else "") + str(error)
            failure = self._fail(detail, "PermissionError" if denied else "JobFailed", text)
        except BotoCoreError as error:
            failure = self._fail(detail, "JobFailed", str(error))
        except Exception as error:  # a mistake in an action must end the action, not the thread
            log.exception("action %s of %s", action["name"], record["pipelineName"])
            failure = self._fail(detail, "InternalError", f"the local cloud failed: {error}")
        detail["lastUpdateTime"] = record["lastUpdateTime"] = time.time()
        announcements.emit_action(
            record, detail, {"Succeeded": "SUCCEEDED", "Failed": "FAILED", "Abandoned": "ABANDONED"}[detail["status"]]
        )
        return failure

    @staticmethod
    def _fail(detail: Record, code: str, message: str) -> str:
        detail["status"] = "Failed"
        result = detail["output"]["executionResult"]
        result.setdefault("externalExecutionSummary", message[:_SUMMARY_CHARACTERS])
        result["errorDetails"] = {"code": code, "message": message[:_SUMMARY_CHARACTERS]}
        return message[:_SUMMARY_CHARACTERS]

    @staticmethod
    def _take_outputs(
        record: Record, action: Mapping[str, Any], detail: Record, context: ActionContext, variables: Mapping[str, str]
    ) -> None:
        for name, location in context.outputs.items():
            stored = {"bucket": location.bucket, "key": location.key}
            record["_artifacts"][name] = stored
            detail["output"]["outputArtifacts"].append({"name": name, "s3location": stored})
            if context.revision:
                record["artifactRevisions"].append({"name": name, "created": time.time(), **context.revision})
        detail["output"]["outputVariables"] = dict(variables)
        if action.get("namespace"):
            record["_namespaces"][action["namespace"]] = dict(variables)

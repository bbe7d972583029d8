"""A pipeline and the repository that it follows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pythonbase_localcloud.demo import bitbucket
from pythonbase_localcloud.instance import Instance
from pythonbase_localcloud.machine.commands import run
from trials.fault_table.changes import Change

_POLL_SECONDS = 0.3
_RUNNING = {"InProgress", "Stopping"}
_AUTHOR = ("-c", "user.name=Ada Example", "-c", "user.email=ada@localhost")

Execution = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The pipeline ``name``, whose repository is cloned into ``folder``."""

    instance: Instance
    codepipeline: Any
    name: str
    repository: str
    folder: Path

    def push(self, change: Change, message: str) -> str:
        """Change the newest commit's files, commit, push; the commit id."""
        clone = self.folder / f"{self.name}-{time.monotonic_ns()}"
        run(["git", "clone", "--quiet", bitbucket.repository_path(self.instance, self.repository), clone])
        change(clone)
        run(["git", "-C", clone, "add", "--all"])
        run(["git", "-C", clone, *_AUTHOR, "commit", "--quiet", "--allow-empty", "--message", message])
        run(["git", "-C", clone, "push", "--quiet"])
        return run(["git", "-C", clone, "rev-parse", "HEAD"]).strip()

    def push_tag(self, tag: str, change: Change | None = None) -> str:
        """Tag the branch's newest commit, or one with this change that is on no branch; the commit id."""
        clone = self.folder / f"{self.name}-{time.monotonic_ns()}"
        run(["git", "clone", "--quiet", bitbucket.repository_path(self.instance, self.repository), clone])
        if change:
            change(clone)
            run(["git", "-C", clone, "add", "--all"])
            run(["git", "-C", clone, *_AUTHOR, "commit", "--quiet", "--message", f"On no branch, as {tag}"])
        run(["git", "-C", clone, "tag", tag])
        run(["git", "-C", clone, "push", "--quiet", "origin", f"refs/tags/{tag}"])
        return run(["git", "-C", clone, "rev-parse", "HEAD"]).strip()

    def executions(self) -> list[Execution]:
        """All of them, the newest first."""
        found: list[Execution] = self.codepipeline.list_pipeline_executions(pipelineName=self.name)[
            "pipelineExecutionSummaries"
        ]
        return found

    def execution_of(self, commit: str) -> Execution | None:
        """The newest execution that a push of the commit, or a person, started."""
        for execution in self.executions():
            # An execution whose Source stage failed knows the commit from its trigger only.
            about = [revision["revisionId"] for revision in execution.get("sourceRevisions", [])]
            about.append(execution.get("trigger", {}).get("triggerDetail", ""))
            if execution.get("executionType") != "ROLLBACK" and any(commit in text for text in about):
                return execution
        return None

    def wait_for_end(self, commit: str, *, seconds: float = 180) -> Execution:
        """The execution of a commit, once it has ended."""
        return self._wait(commit, lambda execution: execution["status"] not in _RUNNING, seconds, "end")

    def wait_for_stage(self, commit: str, stage: str, *, seconds: float = 120) -> Execution:
        """The execution of a commit, once it works in a stage."""
        return self._wait(commit, lambda execution: self._is_in(execution, stage), seconds, f"reach {stage}")

    def _wait(self, commit: str, done: Any, seconds: float, what: str) -> Execution:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            execution = self.execution_of(commit)
            if execution and done(execution):
                return execution
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"pipeline {self.name}: no execution of {commit[:12]} did {what} within {seconds:.0f} s")

    def _is_in(self, execution: Execution, stage: str) -> bool:
        states = {item["stageName"]: item for item in self.state()}
        latest = states[stage].get("latestExecution", {})
        mine = bool(latest.get("pipelineExecutionId") == execution["pipelineExecutionId"])
        return mine and bool(latest["status"] == "InProgress")

    def state(self) -> list[dict[str, Any]]:
        """The stages."""
        found: list[dict[str, Any]] = self.codepipeline.get_pipeline_state(name=self.name)["stageStates"]
        return found

    def settle(self, *, seconds: float = 120) -> None:
        """Wait until no execution runs, rollbacks included."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if all(execution["status"] not in _RUNNING for execution in self.executions()):
                return
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"pipeline {self.name} did not come to rest within {seconds} s")

    def failure(self, execution: Execution) -> tuple[str, str]:
        """The stage of an execution that failed, and why."""
        details = self.codepipeline.list_action_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
        )["actionExecutionDetails"]
        for action in details:
            if action["status"] == "Failed":
                return action["stageName"], action["output"]["executionResult"]["errorDetails"]["message"]
        return "", ""

    def stages_of(self, execution: Execution) -> list[str]:
        """The stages in which an execution has worked, in their order."""
        details = self.codepipeline.list_action_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
        )["actionExecutionDetails"]
        return list(dict.fromkeys(action["stageName"] for action in reversed(details)))

    def approval(self, stage: str, *, seconds: float = 120) -> dict[str, Any]:
        """The action that waits for an approval, once it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for item in self.state():
                for action in item["actionStates"]:
                    if item["stageName"] == stage and action.get("latestExecution", {}).get("token"):
                        return {**action, "stageName": stage}
            time.sleep(_POLL_SECONDS)
        raise TimeoutError(f"pipeline {self.name}: nobody was asked in {stage} within {seconds} s")

    def decide(self, action: dict[str, Any], status: str, summary: str) -> None:
        """Approve (``Approved``) or reject (``Rejected``)."""
        self.codepipeline.put_approval_result(
            pipelineName=self.name,
            stageName=action["stageName"],
            actionName=action["actionName"],
            token=action["latestExecution"]["token"],
            result={"status": status, "summary": summary},
        )

"""Pipelines with a Bitbucket source, and repositories that start them."""

from __future__ import annotations

import subprocess
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythonbase_localcloud.testing.callers import allow, service_role, unique, wait_for
from pythonbase_localcloud.testing.cloud import Cloud
from pythonbase_localcloud.testing.registry_client import RegistryClient

NOTICED_SECONDS = 0.7
"""After that the local cloud has seen a push, so that a pipeline made later is not started by it."""


class Repository:
    """A repository of the local Bitbucket and a clone of it."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.name = f"team/{unique('repo')}"
        bare = cloud.home / "bitbucket" / f"{self.name}.git"
        bare.parent.mkdir(parents=True, exist_ok=True)
        _git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        self._clone = folder / "clone"
        _git("init", "--quiet", "--initial-branch=main", str(self._clone))
        _git("remote", "add", "origin", str(bare), cwd=self._clone)

    def push(self, branch: str = "main", *, wait: bool = True, **files: str) -> str:
        """Commit files (``name__ext`` is ``name.ext``) on a branch, push, wait until it is noticed; the commit."""
        _git("checkout", "--quiet", "-B", branch, cwd=self._clone)
        for name, content in files.items():
            path = self._clone / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        _git("add", "--all", cwd=self._clone)
        _git(
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@localhost",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "a change",
            cwd=self._clone,
        )
        _git("push", "--quiet", "origin", branch, cwd=self._clone)
        time.sleep(NOTICED_SECONDS if wait else 0)
        return _git("rev-parse", "HEAD", cwd=self._clone)


def _git(*arguments: str, cwd: Path | None = None) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()


class Pipeline:
    """A pipeline with a Bitbucket source and the stages of the test."""

    def __init__(
        self,
        cloud: Cloud,
        repository: Repository,
        *stages: Mapping[str, Any],
        authorized: bool = True,
        role_statements: list[dict[str, Any]] | None = None,
        source: Mapping[str, Any] | None = None,
        **declaration: Any,
    ) -> None:
        self.cloud = cloud
        self.client = cloud.client("codepipeline")
        self.name = unique("pipeline")
        self.bucket = unique("artifacts")
        cloud.client("s3").create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": cloud.region}
        )
        self.connection = cloud.client("codeconnections").create_connection(
            ProviderType="Bitbucket", ConnectionName=unique("c")
        )["ConnectionArn"]
        self.needed = [
            allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{self.bucket}/*"),
            allow("codeconnections:UseConnection", on=self.connection),
            *(role_statements or []),
        ]
        self.role = service_role(cloud, "codepipeline.amazonaws.com", *self.needed)
        self.declaration = {
            "name": self.name,
            "roleArn": self.role,
            "pipelineType": "V2",
            "executionMode": "QUEUED",
            "artifactStore": {"type": "S3", "location": self.bucket},
            "stages": [
                {
                    "name": "Source",
                    "actions": [
                        stage_action(
                            "Bitbucket",
                            "Source",
                            "CodeStarSourceConnection",
                            namespace="Src",
                            outputs=["Source"],
                            ConnectionArn=self.connection,
                            FullRepositoryId=repository.name,
                            BranchName="main",
                            **(source or {}),
                        )
                    ],
                },
                *stages,
            ],
            **declaration,
        }
        self.client.create_pipeline(pipeline=self.declaration)
        # It ran once by itself, and failed because its connection was pending.
        self.first = self.ended(trigger="CreatePipeline")
        if authorized:
            authorize(cloud, self.connection)

    def executions(self) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = self.client.list_pipeline_executions(pipelineName=self.name)[
            "pipelineExecutionSummaries"
        ]
        return found

    def ended(self, *, trigger: str | None = None, commit: str | None = None, seconds: float = 60) -> dict[str, Any]:
        """The execution that this trigger or commit started, once it is over."""

        def over() -> dict[str, Any] | None:
            return next(
                (
                    item
                    for item in self.executions()
                    if item["status"] not in ("InProgress", "Stopping")
                    and (trigger is None or item["trigger"]["triggerType"] == trigger)
                    and (commit is None or commit in [r["revisionId"] for r in item["sourceRevisions"]])
                ),
                None,
            )

        return wait_for(over, seconds=seconds)

    def run(self, **arguments: Any) -> dict[str, Any]:
        """Start an execution and wait for its end."""
        execution_id = self.client.start_pipeline_execution(name=self.name, **arguments)["pipelineExecutionId"]
        return wait_for(
            lambda: next(
                (
                    item
                    for item in self.executions()
                    if item["pipelineExecutionId"] == execution_id and item["status"] not in ("InProgress", "Stopping")
                ),
                None,
            )
        )

    def actions(self, execution: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Action executions by name."""
        details = self.client.list_action_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
        )
        return {detail["actionName"]: detail for detail in reversed(details["actionExecutionDetails"])}


def authorize(cloud: Cloud, connection: str) -> None:
    """The handshake of the console."""
    answer = RegistryClient(cloud).call(
        "POST",
        f"/_localcloud/connections/{urllib.parse.quote(connection, safe='')}/authorize",
        b"",
        headers={"x-localcloud-access-key": cloud.account, "x-localcloud-secret": "local"},
    )
    assert answer.status == 200, answer


def stage_action(
    name: str,
    category: str,
    provider: str,
    *,
    inputs: tuple[str, ...] = (),
    outputs: Any = (),
    order: int = 1,
    namespace: str | None = None,
    **configuration: str,
) -> dict[str, Any]:
    return {
        "name": name,
        "runOrder": order,
        "configuration": configuration,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "inputArtifacts": [{"name": item} for item in inputs],
        "outputArtifacts": [{"name": item} for item in outputs],
        **({"namespace": namespace} if namespace else {}),
    }


def approval_stage(name: str = "Approve") -> dict[str, Any]:
    return {"name": "Approval", "actions": [stage_action(name, "Approval", "Manual")]}

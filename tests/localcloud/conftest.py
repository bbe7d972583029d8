"""What the tests of the product deploy to their local cloud (`pythonbase_localcloud.testing.cloud`) and share."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pythonbase_localcloud.demo.run import run_demo
from pythonbase_localcloud.demo.summary import Summary
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.testing.cloud import ROOT, Cloud
from trials.fault_table.run import platform as fault_table_platform
from trials.fault_table.world import World

if TYPE_CHECKING:
    from tests.localcloud.monorepo import Monorepo


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The demo, deployed: one service called hello."""

    cloud: Cloud
    config: Path
    summary: Summary

    @property
    def url(self) -> str:
        """Where the service answers."""
        url = self.summary.services[0].url
        assert url
        return url

    @property
    def git_url(self) -> str:
        """Where its repository is."""
        return self.summary.services[0].git_url

    def get(self) -> str:
        """What the service answers now.

        Raises:
            OSError: if it does not answer with 200.
        """
        with urllib.request.urlopen(self.url, timeout=10) as response:
            return str(response.read().decode())

    @property
    def cluster(self) -> str:
        """The cluster of the stack Network; other tests have clusters of their own."""
        stack = self.cloud.client("cloudformation").describe_stack_resources(StackName="Network")
        (cluster,) = [
            resource["PhysicalResourceId"]
            for resource in stack["StackResources"]
            if resource["ResourceType"] == "AWS::ECS::Cluster"
        ]
        return str(cluster)

    def running_image(self) -> str:
        """The image in the task definition of the service's running tasks."""
        ecs, cluster = self.cloud.client("ecs"), self.cluster
        tasks = ecs.list_tasks(cluster=cluster, serviceName="hello", desiredStatus="RUNNING")["taskArns"]
        definitions = {task["taskDefinitionArn"] for task in ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"]}
        assert len(definitions) == 1, f"one revision should run, got {definitions}"
        definition = ecs.describe_task_definition(taskDefinition=definitions.pop())["taskDefinition"]
        return str(definition["containerDefinitions"][0]["image"])

    def push(self, folder: Path, change: Callable[[Path], None], *, message: str) -> str:
        """Clone the repository, change it, commit, push; the commit id."""
        clone = folder / f"clone-{time.monotonic_ns()}"
        git = ("git", "-C", str(clone), "-c", "user.name=Test", "-c", "user.email=test@localhost")
        self.cloud.run("git", "clone", "--quiet", self.git_url, str(clone))
        change(clone)
        self.cloud.run(*git, "add", "--all")
        self.cloud.run(*git, "commit", "--quiet", "--allow-empty", "--message", message)
        self.cloud.run(*git, "push", "--quiet")
        return self.cloud.run(*git, "rev-parse", "HEAD").stdout.strip()

    def wait_for_end(self, commit: str, *, timeout: float = 300) -> dict[str, Any]:
        """The pipeline execution of a commit, once it has ended."""
        codepipeline = self.cloud.client("codepipeline")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for execution in codepipeline.list_pipeline_executions(pipelineName="hello")["pipelineExecutionSummaries"]:
                # An execution whose Source stage failed knows the commit from its trigger only.
                about = [revision["revisionId"] for revision in execution.get("sourceRevisions", [])]
                about.append(execution["trigger"]["triggerDetail"])
                if any(commit in text for text in about) and execution["status"] not in {"InProgress", "Stopping"}:
                    return dict(execution)
            time.sleep(0.3)
        raise AssertionError(f"no execution of {commit} ended within {timeout} s")

    def failure(self, execution: dict[str, Any]) -> dict[str, Any]:
        """The failed action of an execution."""
        details = self.cloud.client("codepipeline").list_action_executions(
            pipelineName="hello", filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
        )["actionExecutionDetails"]
        (failed,) = [action for action in details if action["status"] == "Failed"]
        return dict(failed)

    def build_log(self, execution: dict[str, Any]) -> str:
        """The log of the execution's build."""
        details = self.cloud.client("codepipeline").list_action_executions(
            pipelineName="hello", filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
        )["actionExecutionDetails"]
        (build_id,) = [
            action["output"]["executionResult"]["externalExecutionId"]
            for action in details
            if action["stageName"] == "Build"
        ]
        build = self.cloud.client("codebuild").batch_get_builds(ids=[build_id])["builds"][0]
        events = self.cloud.client("logs").get_log_events(
            logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
        )["events"]
        return "\n".join(event["message"] for event in events)


@pytest.fixture(scope="session")
def platform(cloud: Cloud) -> Platform:
    """The repository's own platform.yaml, deployed and released by the demo's steps."""
    config = ROOT / "platform.yaml"
    return Platform(cloud=cloud, config=config, summary=run_demo(cloud.instance, config, reporter()))


@pytest.fixture(scope="session")
def world(cloud: Cloud) -> Iterator[World]:
    """Two services of the fault table, one with two environments, deployed and released."""
    with fault_table_platform(cloud.instance, reporter()) as deployed:
        yield deployed


@pytest.fixture(scope="session")
def monorepo(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Monorepo:
    """A service of a repository with several: tested, with pull-request builds and build statuses."""
    from tests.localcloud.monorepo import deploy  # noqa: PLC0415 - it imports this module

    return deploy(cloud, tmp_path_factory.mktemp("monorepo"))

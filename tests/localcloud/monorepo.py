"""A deployed service of a monorepo, and a clone of that repository to change it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pythonbase_localcloud.box.hosts import BITBUCKET_TOKEN
from pythonbase_localcloud.controls.bitbucket import BitbucketApi
from pythonbase_localcloud.demo import connections
from pythonbase_localcloud.demo.cdk import Cdk
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.testing.callers import wait_for
from pythonbase_localcloud.testing.cloud import ROOT, Cloud

CONFIG = ROOT / "tests" / "localcloud" / "monorepo.yaml"
REPOSITORY = "acme/shop"
FOLDER = "services/orders"
SECRET = "bitbucket/statuses"  # noqa: S105 - its name
RELEASE, PULL_REQUESTS = "orders", "orders-pull-requests"

DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
WORKDIR /app
COPY checks.py .
USER app
CMD ["python", "/opt/pythonbase/placeholder.py"]
"""
CHECKS = '''\
"""What the service tests of itself: each check is a test case of the report."""
import os, socket, sys


def reaches_no_network():
    try:
        socket.create_connection(("127.0.0.1", 443), timeout=1)
    except OSError:
        return
    raise AssertionError("there is a way out of the container")


def has_no_credentials():
    names = [name for name in os.environ if name.startswith(("AWS_", "DOCKER_", "CODEBUILD_", "REPOSITORY_"))]
    assert not names, names
    assert not os.path.exists("/var/run/docker.sock")


def greets():
    assert GREETING == "hello", GREETING


GREETING = "hello"
cases, failed = [], 0
for check in (reaches_no_network, has_no_credentials, greets):
    try:
        check()
        cases.append(f'<testcase classname="checks" name="{check.__name__}" time="0.1"/>')
    except AssertionError as error:
        failed += 1
        cases.append(f'<testcase classname="checks" name="{check.__name__}"><failure message="{error}"/></testcase>')
with open("/reports/junit.xml", "w") as report:
    report.write(f'<testsuites><testsuite name="checks">{"".join(cases)}</testsuite></testsuites>')
print(f"{len(cases)} checks, {failed} failed")
sys.exit(failed)
'''


@dataclass(frozen=True, kw_only=True)
class Monorepo:
    """The service, deployed, and a clone of its repository."""

    cloud: Cloud
    clone: Path

    @property
    def bitbucket(self) -> BitbucketApi:
        """Bitbucket's API."""
        return BitbucketApi(self.cloud.instance)

    def git(self, *arguments: str) -> str:
        """A git command in the clone."""
        identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.clone, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str], *, branch: str = "main") -> str:
        """Commit files on a branch, which starts at main if it is new; the commit's id."""
        if self.git("symbolic-ref", "--short", "HEAD") != branch:
            known = self.git("branch", "--list", branch)
            self.git("checkout", "--quiet", *((branch,) if known else ("-b", branch, "main")))
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", f"Change {', '.join(files) or 'nothing'}")
        return self.git("rev-parse", "HEAD")

    def push(self, *references: str) -> None:
        """Push; returns once the local Bitbucket must have noticed."""
        self.git("push", "--quiet", "origin", *references)
        time.sleep(1.2)

    def pull_request(self, branch: str, files: Mapping[str, str]) -> tuple[int, str]:
        """A pull request that changes these files: its number and its commit."""
        commit = self.commit(files, branch=branch)
        self.push(branch)
        return self.bitbucket.open_pull_request(REPOSITORY, source=branch), commit

    # ------------------------------------------------------------ what became of it

    def executions(self, pipeline: str) -> list[dict[str, Any]]:
        """Newest first."""
        listed = self.cloud.client("codepipeline").list_pipeline_executions(pipelineName=pipeline)
        return list(listed["pipelineExecutionSummaries"])

    def about(self, pipeline: str, commit: str) -> list[dict[str, Any]]:
        """Executions of a commit."""
        return [item for item in self.executions(pipeline) if commit in _commits(item)]

    def ended(self, pipeline: str, commit: str) -> dict[str, Any]:
        """The execution of a commit, once it has ended."""

        def over() -> dict[str, Any] | None:
            found = self.about(pipeline, commit)
            return found[0] if found and found[0]["status"] not in {"InProgress", "Stopping"} else None

        return wait_for(over, seconds=180)

    def build(self, pipeline: str, execution: Mapping[str, Any]) -> dict[str, Any]:
        """The build of an execution."""
        details = self.cloud.client("codepipeline").list_action_executions(
            pipelineName=pipeline, filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
        )["actionExecutionDetails"]
        (build_id,) = [
            item["output"]["executionResult"]["externalExecutionId"] for item in details if item["stageName"] == "Build"
        ]
        return dict(self.cloud.client("codebuild").batch_get_builds(ids=[build_id])["builds"][0])

    def log(self, build: Mapping[str, Any]) -> str:
        """What a build printed."""
        events = self.cloud.client("logs").get_log_events(
            logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
        )["events"]
        return "\n".join(event["message"] for event in events)

    def report(self, build: Mapping[str, Any]) -> dict[str, Any]:
        """The build's test report."""
        (arn,) = build["reportArns"]
        return dict(self.cloud.client("codebuild").batch_get_reports(reportArns=[arn])["reports"][0])

    def cases(self, build: Mapping[str, Any]) -> dict[str, str]:
        """The outcome of each test case of a build."""
        (arn,) = build["reportArns"]
        found = self.cloud.client("codebuild").describe_test_cases(reportArn=arn)["testCases"]
        return {case["name"]: case["status"] for case in found}

    def pushed_images(self) -> set[str]:
        """Tags in the service's ECR repository: commits that were built for a release."""
        images = self.cloud.client("ecr").describe_images(repositoryName="orders")["imageDetails"]
        tags = {tag for image in images for tag in image.get("imageTags", [])}
        # A release adds its own a little later.
        return {tag for tag in tags if not tag.startswith("release-")}

    def role(self, logical_id: str) -> str:
        """Name of a role of the stack Orders by the start of its logical id."""
        listed = self.cloud.client("cloudformation").describe_stack_resources(StackName="Orders")["StackResources"]
        (name,) = [
            item["PhysicalResourceId"]
            for item in listed
            if item["ResourceType"] == "AWS::IAM::Role" and item["LogicalResourceId"].startswith(logical_id)
        ]
        return str(name)

    def statuses(self, commit: str) -> dict[str, dict[str, Any]]:
        """Build statuses of a commit by their keys."""
        return self.bitbucket.statuses(REPOSITORY, commit)


def _commits(execution: Mapping[str, Any]) -> str:
    revisions = " ".join(item["revisionId"] for item in execution.get("sourceRevisions", []))
    return f"{revisions} {execution['trigger'].get('triggerDetail', '')}"


def deploy(cloud: Cloud, folder: Path) -> Monorepo:
    """Create repository and secret, deploy, finish the handshake, and release the first version."""
    bare = cloud.instance.bitbucket / f"{REPOSITORY}.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    subprocess.run(["git", "clone", "--quiet", bare, folder / "clone"], check=True, capture_output=True)
    repository = Monorepo(cloud=cloud, clone=folder / "clone")
    credentials = {"email": "builds@acme.example", "token": BITBUCKET_TOKEN}
    secrets = cloud.client("secretsmanager")
    # The services of the fault table may have been on this instance before, with the same secret.
    with suppress(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name=SECRET)
    secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps(credentials))
    cdk = Cdk(instance=cloud.instance, account=cloud.account, region=cloud.region, config=CONFIG)
    cdk.bootstrap()
    cdk.deploy()
    connections.authorize_pending(
        cloud.instance, cloud.client("codeconnections"), account=cloud.account, report=reporter(quiet=True)
    )
    commit = repository.commit(
        {f"{FOLDER}/Dockerfile": DOCKERFILE, f"{FOLDER}/checks.py": CHECKS, "README.md": "shop\n"}
    )
    repository.push("main")
    first = repository.ended(RELEASE, commit)
    assert first["status"] == "Succeeded", repository.log(repository.build(RELEASE, first))
    return repository

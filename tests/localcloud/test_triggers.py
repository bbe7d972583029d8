"""What of a repository starts a pipeline: branches, tags, paths and pull requests."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pythonbase_localcloud.controls.bitbucket import BitbucketApi, BitbucketError
from pythonbase_localcloud.testing.callers import wait_for
from pythonbase_localcloud.testing.cloud import Cloud
from pythonbase_localcloud.testing.pipelines import Pipeline, authorize

pytestmark = pytest.mark.slow

_APPROVAL = {
    "name": "Wait",
    "actions": [
        {
            "name": "Person",
            "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
        }
    ],
}


class Repository:
    """A bare repository and a clone that pushes to it."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.name = f"acme/{folder.name.replace('_', '-')}"
        self.clone = folder / "clone"
        self._bare = cloud.instance.bitbucket / f"{self.name}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self._bare], check=True)
        subprocess.run(["git", "clone", "--quiet", self._bare, self.clone], check=True, capture_output=True)
        self.commit({"README.md": "a repository\n"})
        self.push("main")

    def git(self, *arguments: str) -> str:
        """A git command in the clone."""
        identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.clone, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str]) -> str:
        """Commit these files; the commit's id."""
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a change")
        return self.git("rev-parse", "HEAD")

    def push(self, *references: str) -> None:
        """Push; returns once the local Bitbucket must have noticed."""
        self.git("push", "--quiet", "--force", "origin", *references)
        time.sleep(1.2)


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Repository:
    return Repository(cloud, tmp_path)


@pytest.fixture
def bitbucket(cloud: Cloud) -> BitbucketApi:
    return BitbucketApi(cloud.instance)


def _pipeline(cloud: Cloud, repository: Repository, **filters: Any) -> Pipeline:
    configuration = {"sourceActionName": "Bitbucket", **filters}
    pipeline = Pipeline(
        cloud,
        repository,  # type: ignore[arg-type]  # it needs the name only
        _APPROVAL,
        executionMode="PARALLEL",
        triggers=[{"providerType": "CodeStarSourceConnection", "gitConfiguration": configuration}],
    )
    authorize(cloud, pipeline.connection)
    return pipeline


def _started(pipeline: Pipeline) -> list[dict[str, Any]]:
    """What the webhook started, newest first: the details of its triggers."""
    return [
        json.loads(execution["trigger"]["triggerDetail"])
        for execution in pipeline.executions()
        if execution["trigger"]["triggerType"] == "WebhookV2"
    ]


def _commits(pipeline: Pipeline) -> list[str]:
    return [detail["commitId"] for detail in _started(pipeline)]


def test_a_commit_outside_the_folder_starts_nothing_and_one_inside_does(cloud: Cloud, repository: Repository) -> None:
    pipeline = _pipeline(
        cloud,
        repository,
        push=[{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["services/orders/**"]}}],
    )
    repository.commit({"services/payments/app.py": "1\n", "services/orders.md": "a file beside the folder\n"})
    repository.push("main")
    assert _commits(pipeline) == []

    inside = repository.commit({"services/orders/src/app.py": "1\n"})
    repository.push("main")
    assert _commits(pipeline) == [inside]

    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit({"services/orders/src/app.py": "2\n"})
    repository.push("other")
    assert _commits(pipeline) == [inside]


def test_a_push_of_several_commits_counts_the_files_of_all(cloud: Cloud, repository: Repository) -> None:
    pipeline = _pipeline(
        cloud, repository, push=[{"branches": {"includes": ["main"]}, "filePaths": {"includes": ["services/**"]}}]
    )
    repository.commit({"services/app.py": "1\n"})
    newest = repository.commit({"README.md": "changed\n"})
    repository.push("main")
    assert _commits(pipeline) == [newest]


def test_tags_start_a_pipeline_whatever_their_commit_changes(cloud: Cloud, repository: Repository) -> None:
    pipeline = _pipeline(
        cloud,
        repository,
        push=[
            {"branches": {"includes": ["main"]}, "filePaths": {"includes": ["services/orders/**"]}},
            {"tags": {"includes": ["v*"], "excludes": ["v*-rc"]}},
        ],
    )
    commit = repository.commit({"README.md": "changed\n"})
    repository.git("tag", "--annotate", "--message", "a release", "v1")
    repository.git("tag", "v2-rc")
    repository.git("tag", "nightly")
    repository.push("main", "v1", "v2-rc", "nightly")

    (started,) = _started(pipeline)
    assert (started["tagName"], started["commitId"]) == ("v1", commit)  # not the id of the tag's own object
    (running,) = [item for item in pipeline.executions() if item["trigger"]["triggerType"] == "WebhookV2"]
    revision = wait_for(lambda: pipeline.actions(running).get("Bitbucket"))["output"]["outputVariables"]
    assert revision["CommitId"] == commit


def test_a_pull_request_starts_a_pipeline_when_it_is_opened_and_when_it_is_pushed_to(
    cloud: Cloud, repository: Repository, bitbucket: BitbucketApi
) -> None:
    wanted = {"branches": {"includes": ["main"]}, "filePaths": {"includes": ["services/**"]}}
    pipeline = _pipeline(cloud, repository, pullRequest=[{**wanted, "events": ["OPEN", "UPDATED"]}])
    repository.git("checkout", "--quiet", "-b", "feature")
    first = repository.commit({"services/app.py": "1\n"})
    repository.push("feature")
    assert _commits(pipeline) == []  # a branch is no pull request

    number = bitbucket.open_pull_request(repository.name, source="feature")
    assert [(item["commitId"], item["pullRequestId"]) for item in _started(pipeline)] == [(first, str(number))]
    # What counts is what the pull request as a whole changes.
    second = repository.commit({"README.md": "changed\n"})
    repository.push("feature")
    assert _commits(pipeline) == [second, first]

    bitbucket.decline_pull_request(repository.name, number)
    repository.commit({"services/app.py": "2\n"})
    repository.push("feature")
    assert _commits(pipeline) == [second, first]


def test_a_pull_request_into_another_branch_or_outside_the_paths_starts_nothing(
    cloud: Cloud, repository: Repository, bitbucket: BitbucketApi
) -> None:
    wanted = {"branches": {"includes": ["main"]}, "filePaths": {"includes": ["services/**"]}}
    pipeline = _pipeline(cloud, repository, pullRequest=[{**wanted, "events": ["OPEN", "UPDATED"]}])
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit({"docs/page.md": "1\n"})
    repository.push("feature", "feature:develop")
    bitbucket.open_pull_request(repository.name, source="feature")
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit({"services/app.py": "1\n"})
    repository.push("other")
    bitbucket.open_pull_request(repository.name, source="other", destination="develop")
    assert _commits(pipeline) == []


def test_the_files_of_a_pull_request_are_not_those_that_its_target_changed_meanwhile(
    cloud: Cloud, repository: Repository, bitbucket: BitbucketApi
) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit({"docs/page.md": "1\n"})
    repository.push("feature")
    repository.git("checkout", "--quiet", "main")
    repository.commit({"services/app.py": "1\n"})
    repository.push("main")
    pipeline = _pipeline(cloud, repository, pullRequest=[{"filePaths": {"includes": ["services/**"]}}])
    bitbucket.open_pull_request(repository.name, source="feature")
    assert _commits(pipeline) == []


def test_bitbucket_refuses_what_it_does_not_know(repository: Repository, bitbucket: BitbucketApi) -> None:
    with pytest.raises(BitbucketError, match="branch not found: nowhere"):
        bitbucket.open_pull_request(repository.name, source="nowhere")
    with pytest.raises(BitbucketError, match="404"):
        bitbucket.open_pull_request("acme/nothing", source="main")
    with pytest.raises(BitbucketError, match="no pull request 7"):
        bitbucket.decline_pull_request(repository.name, 7)

"""Build statuses: what commits and pull requests show in Bitbucket, also when it was down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pythonbase.pipelines.bitbucket_source import CONNECTION_TAG
from pythonbase_localcloud.testing.callers import wait_for
from tests.localcloud.monorepo import CHECKS, FOLDER, PULL_REQUESTS, RELEASE, REPOSITORY, SECRET, Monorepo

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("monorepo", order=7)]


def _status(monorepo: Monorepo, commit: str, key: str, *, state: str) -> dict[str, Any]:
    """The commit's status once it has the state."""

    def reached() -> dict[str, Any] | None:
        found = monorepo.statuses(commit).get(key)
        return found if found and found["state"] == state else None

    return wait_for(reached, seconds=90)


def _lines(monorepo: Monorepo, about: str) -> list[str]:
    """What the function logged about a commit or an execution."""
    logs = monorepo.cloud.client("logs")
    listed = monorepo.cloud.client("cloudformation").describe_stack_resources(StackName="BuildStatus")
    (group,) = [
        item["PhysicalResourceId"] for item in listed["StackResources"] if item["ResourceType"] == "AWS::Logs::LogGroup"
    ]
    events = logs.filter_log_events(logGroupName=group)["events"]
    return [event["message"] for event in events if about in event["message"]]


def test_a_pull_request_shows_its_result_with_a_link_to_the_log(monorepo: Monorepo) -> None:
    number, commit = monorepo.pull_request("status", {f"{FOLDER}/README.md": "status\n"})
    _status(monorepo, commit, PULL_REQUESTS, state="INPROGRESS")
    execution = monorepo.ended(PULL_REQUESTS, commit)
    status = _status(monorepo, commit, PULL_REQUESTS, state="SUCCESSFUL")
    assert status["url"] == monorepo.build(PULL_REQUESTS, execution)["logs"]["deepLink"]
    assert monorepo.bitbucket.statuses_of_pull_request(REPOSITORY, number)[PULL_REQUESTS] == status


def test_a_failed_pull_request_says_where_it_failed(monorepo: Monorepo) -> None:
    _, commit = monorepo.pull_request("red", {f"{FOLDER}/checks.py": CHECKS.replace('"hello"', '"bye"', 1)})
    status = _status(monorepo, commit, PULL_REQUESTS, state="FAILED")
    assert status["description"].startswith("Build failed: Build terminated with state: FAILED")


def test_a_release_shows_its_result_with_a_link_to_the_execution(monorepo: Monorepo) -> None:
    commit = monorepo.commit({f"{FOLDER}/README.md": "released\n"})
    monorepo.push("main")
    execution = monorepo.ended(RELEASE, commit)
    status = _status(monorepo, commit, RELEASE, state="SUCCESSFUL")
    assert f"/pipelines/orders/executions/{execution['pipelineExecutionId']}/timeline" in status["url"]


def test_bitbucket_being_down_costs_a_release_nothing_and_its_status_comes_later(monorepo: Monorepo) -> None:
    monorepo.bitbucket.fail(503, requests=100)
    try:
        commit = monorepo.commit({f"{FOLDER}/README.md": "during an outage\n"})
        monorepo.push("main")
        assert monorepo.ended(RELEASE, commit)["status"] == "Succeeded"
    finally:
        monorepo.bitbucket.recover()
    _status(monorepo, commit, RELEASE, state="SUCCESSFUL")


def test_a_token_that_bitbucket_refuses_is_logged_in_one_line_and_costs_a_release_nothing(monorepo: Monorepo) -> None:
    secrets = monorepo.cloud.client("secretsmanager")
    good = secrets.get_secret_value(SecretId=SECRET)["SecretString"]
    secrets.put_secret_value(SecretId=SECRET, SecretString=json.dumps({"token": "revoked-token"}))
    try:
        _, commit = monorepo.pull_request("revoked", {f"{FOLDER}/README.md": "revoked\n"})
        assert monorepo.ended(PULL_REQUESTS, commit)["status"] == "Succeeded"
        lines = wait_for(lambda: _lines(monorepo, commit), seconds=60)
    finally:
        secrets.put_secret_value(SecretId=SECRET, SecretString=good)
    assert all("refused: 401" in line for line in lines), lines
    assert "revoked-token" not in " ".join(lines)
    assert monorepo.statuses(commit) == {}


def test_a_pipeline_without_the_tag_of_the_connection_is_not_reported(monorepo: Monorepo) -> None:
    codepipeline = monorepo.cloud.client("codepipeline")
    arn = codepipeline.get_pipeline(name=PULL_REQUESTS)["metadata"]["pipelineArn"]
    tags = codepipeline.list_tags_for_resource(resourceArn=arn)["tags"]
    codepipeline.untag_resource(resourceArn=arn, tagKeys=[CONNECTION_TAG])
    try:
        _, commit = monorepo.pull_request("untagged", {f"{FOLDER}/README.md": "untagged\n"})
        execution = monorepo.ended(PULL_REQUESTS, commit)["pipelineExecutionId"]

        def told_twice() -> list[str] | None:
            lines = _lines(monorepo, execution)
            return lines if len(lines) > 1 else None  # that it began, and that it ended

        lines = wait_for(told_twice, seconds=60)
    finally:
        codepipeline.tag_resource(resourceArn=arn, tags=tags)
    assert all("not a pipeline of this connection, nothing to report" in line for line in lines), lines
    assert all("codepipeline:ListActionExecutions" in line for line in lines), lines
    assert monorepo.statuses(commit) == {}

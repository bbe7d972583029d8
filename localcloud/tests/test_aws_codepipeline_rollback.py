"""CodePipeline: what the failure of a stage leads to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from pythonbase_localcloud.testing.callers import allow, service_role, unique, wait_for
from pythonbase_localcloud.testing.pipelines import Pipeline, Repository, approval_stage, stage_action

if TYPE_CHECKING:
    from pathlib import Path

    from pythonbase_localcloud.testing.cloud import Cloud

pytestmark = pytest.mark.slow

_ROLLBACK = {"onFailure": {"result": "ROLLBACK"}}


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Repository:
    return Repository(cloud, tmp_path)


class Releases:
    """A pipeline whose stage Deploy succeeds or fails as the variable Outcome says, and what it deployed."""

    def __init__(self, cloud: Cloud, repository: Repository, **stage: Any) -> None:
        definition = {
            "StartAt": "Check",
            "States": {
                "Check": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.outcome", "StringEquals": "good", "Next": "Good"}],
                    "Default": "Bad",
                },
                "Good": {"Type": "Succeed"},
                "Bad": {"Type": "Fail", "Error": "Bad", "Cause": "it is bad"},
            },
        }
        self._states = cloud.client("stepfunctions")
        self.machine = self._states.create_state_machine(
            name=unique("m"), definition=json.dumps(definition), roleArn=service_role(cloud, "states.amazonaws.com")
        )["stateMachineArn"]
        text = json.dumps({"outcome": "#{variables.Outcome}", "commit": "#{Src.CommitId}"})
        deploy = stage_action("Deploy", "Invoke", "StepFunctions", StateMachineArn=self.machine, Input=text)
        later = stage_action(
            "Later", "Invoke", "StepFunctions", StateMachineArn=self.machine, Input='{"outcome": "good"}'
        )
        permission = [
            allow("states:StartExecution", "states:DescribeStateMachine", on=self.machine),
            allow("states:DescribeExecution", on=self.machine.replace(":stateMachine:", ":execution:") + ":*"),
        ]
        self.pipeline = Pipeline(
            cloud,
            repository,
            {"name": "Deploy", "actions": [deploy], **stage},
            {"name": "After", "actions": [later]},
            role_statements=permission,
            variables=[{"name": "Outcome", "defaultValue": "good"}],
        )

    def run(self, outcome: str) -> dict[str, Any]:
        """An execution that has ended."""
        return self.pipeline.run(variables=[{"name": "Outcome", "value": outcome}])

    def deployed(self) -> list[str]:
        """Commits that the stage Deploy was asked to deploy, oldest first."""
        runs = self._states.list_executions(stateMachineArn=self.machine)["executions"]
        runs.sort(key=lambda run: run["startDate"])
        inputs = [
            json.loads(self._states.describe_execution(executionArn=run["executionArn"])["input"]) for run in runs
        ]
        return [item["commit"] for item in inputs if "commit" in item]

    def newest(self) -> dict[str, Any]:
        """The newest execution once nothing runs."""
        wait_for(lambda: all(item["status"] != "InProgress" for item in self.pipeline.executions()))
        return self.pipeline.executions()[0]

    def states(self) -> dict[str, Any]:
        """Stage states by name."""
        state = self.pipeline.client.get_pipeline_state(name=self.pipeline.name)
        return {item["stageName"]: item for item in state["stageStates"]}


def test_a_failed_stage_is_rolled_back_to_the_newest_execution_that_succeeded_in_it(
    cloud: Cloud, repository: Repository
) -> None:
    repository.push(a="1")
    releases = Releases(cloud, repository, **_ROLLBACK)
    first = repository.push(a="2")
    good = releases.pipeline.ended(commit=first)
    assert good["status"] == "Succeeded"
    assert good["executionType"] == "STANDARD"
    second = repository.push(a="3")
    wait_for(lambda: releases.deployed() == [first, second])
    better = releases.newest()
    third = repository.push(a="4")
    releases.pipeline.ended(commit=third)
    bad = releases.run("bad")
    assert bad["status"] == "Failed"
    wait_for(lambda: releases.newest()["executionType"] == "ROLLBACK")
    rollback = releases.newest()
    target = [item for item in releases.pipeline.executions() if item["status"] == "Succeeded"][1]
    assert rollback["rollbackMetadata"] == {"rollbackTargetPipelineExecutionId": target["pipelineExecutionId"]}
    assert target["pipelineExecutionId"] != better["pipelineExecutionId"]
    assert rollback["status"] == "Succeeded"
    assert rollback["trigger"]["triggerType"] == "AutomatedRollback"
    assert json.loads(rollback["trigger"]["triggerDetail"]) == {"FailedPipelineExecutionId": bad["pipelineExecutionId"]}
    assert [item["revisionId"] for item in rollback["sourceRevisions"]] == [third]
    assert list(releases.pipeline.actions(rollback)) == ["Deploy"], "one stage, and no later one"
    shown = releases.pipeline.client.get_pipeline_execution(
        pipelineName=releases.pipeline.name, pipelineExecutionId=rollback["pipelineExecutionId"]
    )["pipelineExecution"]
    assert shown["variables"] == [{"name": "Outcome", "resolvedValue": "good"}]
    assert shown["rollbackMetadata"] == rollback["rollbackMetadata"]
    assert releases.states()["Deploy"]["latestExecution"] == {
        "pipelineExecutionId": rollback["pipelineExecutionId"],
        "status": "Succeeded",
        "type": "ROLLBACK",
    }
    assert releases.deployed() == [first, second, third, third, third]


def test_nothing_is_rolled_back_without_a_success_in_the_current_version(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    releases = Releases(cloud, repository, **_ROLLBACK)
    assert releases.run("bad")["status"] == "Failed"
    assert releases.newest()["executionType"] == "STANDARD"
    assert releases.run("good")["status"] == "Succeeded"
    releases.pipeline.client.update_pipeline(pipeline=releases.pipeline.declaration)
    assert releases.run("bad")["status"] == "Failed"
    assert {item["executionType"] for item in releases.pipeline.executions()} == {"STANDARD"}


def test_a_stage_without_a_condition_stays_failed(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    releases = Releases(cloud, repository)
    assert releases.run("good")["status"] == "Succeeded"
    assert releases.run("bad")["status"] == "Failed"
    assert {item["executionType"] for item in releases.pipeline.executions()} == {"STANDARD"}


def test_a_stage_is_rolled_back_on_request_but_not_to_a_failure_or_a_rollback(
    cloud: Cloud, repository: Repository
) -> None:
    repository.push(a="1")
    releases = Releases(cloud, repository)
    pipeline = releases.pipeline
    good, bad = releases.run("good"), releases.run("bad")

    def roll_back(target: str, stage: str = "Deploy") -> str:
        answer = pipeline.client.rollback_stage(
            pipelineName=pipeline.name, stageName=stage, targetPipelineExecutionId=target
        )
        return str(answer["pipelineExecutionId"])

    done = roll_back(good["pipelineExecutionId"])
    rollback = releases.newest()
    assert (rollback["pipelineExecutionId"], rollback["status"]) == (done, "Succeeded")
    assert rollback["trigger"]["triggerType"] == "ManualRollback"
    for target, stage in ((bad, "Deploy"), (rollback, "Deploy"), (good, "Source")):
        with pytest.raises(ClientError, match="UnableToRollbackStageException"):
            roll_back(target["pipelineExecutionId"], stage)


def test_a_stage_is_retried_once(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    releases = Releases(cloud, repository, onFailure={"result": "RETRY"})
    assert releases.run("bad")["status"] == "Failed"
    assert len(releases.deployed()) == 2
    assert releases.states()["Deploy"]["latestExecution"]["status"] == "Failed"


def test_conditions_that_codepipeline_refuses_are_refused(cloud: Cloud, repository: Repository) -> None:
    repository.push(a="1")
    pipeline = Pipeline(cloud, repository, approval_stage(), authorized=False)
    source, approval = pipeline.declaration["stages"]
    for change in (
        {"stages": [{**source, **_ROLLBACK}, approval]},
        {"stages": [source, {**approval, **_ROLLBACK}], "pipelineType": "V1"},
        {"stages": [source, {**approval, **_ROLLBACK}], "executionMode": "PARALLEL"},
        {"stages": [source, {**approval, "onFailure": {"result": "FAIL"}}]},
    ):
        with pytest.raises(ClientError, match="InvalidStageDeclarationException"):
            pipeline.client.update_pipeline(pipeline={**pipeline.declaration, **change})


def test_a_rollback_goes_before_the_execution_that_waits(cloud: Cloud, repository: Repository) -> None:
    """Otherwise it would take back what the waiting execution deploys."""
    repository.push(a="1")
    releases = Releases(cloud, repository, **_ROLLBACK)
    pipeline = releases.pipeline
    stage = pipeline.declaration["stages"][1]
    stage["actions"] = [stage_action("Ask", "Approval", "Manual"), {**stage["actions"][0], "runOrder": 2}]
    pipeline.client.update_pipeline(pipeline=pipeline.declaration)

    def start(outcome: str) -> str:
        answer = pipeline.client.start_pipeline_execution(
            name=pipeline.name, variables=[{"name": "Outcome", "value": outcome}]
        )
        return str(answer["pipelineExecutionId"])

    def approve(execution: str) -> None:
        def waiting() -> Any:
            state = releases.states()["Deploy"]
            if state.get("latestExecution", {}).get("pipelineExecutionId") != execution:
                return None
            return state["actionStates"][0].get("latestExecution", {}).get("token")

        pipeline.client.put_approval_result(
            pipelineName=pipeline.name,
            stageName="Deploy",
            actionName="Ask",
            token=wait_for(waiting),
            result={"summary": "", "status": "Approved"},
        )

    first = start("good")
    approve(first)
    bad, waiting = start("bad"), start("good")
    wait_for(lambda: releases.states()["Deploy"].get("inboundExecution", {}).get("pipelineExecutionId") == waiting)
    approve(bad)
    rollback = wait_for(lambda: next((i for i in pipeline.executions() if i["executionType"] == "ROLLBACK"), None))[
        "pipelineExecutionId"
    ]
    assert releases.states()["Deploy"]["inboundExecution"]["pipelineExecutionId"] == waiting
    approve(rollback)
    approve(waiting)
    wait_for(lambda: all(item["status"] != "InProgress" for item in pipeline.executions()))
    statuses = {item["pipelineExecutionId"]: item["status"] for item in pipeline.executions()}
    assert [statuses[item] for item in (first, bad, rollback, waiting)] == [
        "Succeeded",
        "Failed",
        "Succeeded",
        "Succeeded",
    ]

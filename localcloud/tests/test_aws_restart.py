"""The AWS server is killed and started again: what ran is ended, and what AWS would do next is done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pythonbase_localcloud.controls import faults
from pythonbase_localcloud.instance import DEFAULT_ACCOUNT, DEFAULT_REGION
from pythonbase_localcloud.machine.progress import reporter
from pythonbase_localcloud.setup import lifecycle
from pythonbase_localcloud.setup.running import server_answers
from pythonbase_localcloud.testing.callers import allow, service_role, set_policy, unique, wait_for
from pythonbase_localcloud.testing.cloud import UPSTREAM, Cloud
from pythonbase_localcloud.testing.pipelines import Pipeline, Repository, stage_action
from pythonbase_localcloud.testing.services import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def own_cloud(cloud: Cloud) -> Iterator[Cloud]:
    """An instance that may be killed: the other tests' state is not at stake."""
    instance = replace(cloud.instance, home=cloud.home.with_name(f"{cloud.home.name}-restart"))
    lifecycle.clean(instance, report=reporter(quiet=True))
    _up(instance)
    yield Cloud(instance=instance)
    lifecycle.clean(instance, report=reporter(quiet=True))


def _up(instance: Any) -> None:
    lifecycle.up(
        instance,
        account=DEFAULT_ACCOUNT,
        region=DEFAULT_REGION,
        upstreams=[UPSTREAM],
        report=reporter(quiet=True),
        docker_hub=True,
    )


def test_a_server_that_was_killed_in_a_deployment_rolls_the_stage_back_and_runs_the_services(
    own_cloud: Cloud, tmp_path: Path
) -> None:
    cloud = own_cloud
    service = Service(cloud)
    service.steady()
    definition = {
        "StartAt": "Wait",
        "States": {
            "Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Update"},
            "Update": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:ecs:updateService",
                "Parameters": {"Cluster": service.name, "Service": service.name, "ForceNewDeployment": True},
                "End": True,
            },
        },
    }
    states = cloud.client("stepfunctions")
    machine = states.create_state_machine(
        name=unique("m"),
        definition=json.dumps(definition),
        roleArn=service_role(cloud, "states.amazonaws.com", allow("ecs:UpdateService")),
    )["stateMachineArn"]
    repository = Repository(cloud, tmp_path)
    repository.push(a="1")
    deploy = stage_action(
        "Deploy", "Invoke", "StepFunctions", StateMachineArn=machine, Input='{"seconds": #{variables.S}}'
    )
    pipeline = Pipeline(
        cloud,
        repository,
        {"name": "Deploy", "actions": [deploy], "onFailure": {"result": "ROLLBACK"}},
        variables=[{"name": "S", "defaultValue": "0"}],
    )
    set_policy(cloud, pipeline.role, *pipeline.needed, allow("states:*"))
    good = pipeline.run()
    assert good["status"] == "Succeeded"
    service.steady()
    commit = repository.push(a="2")
    pipeline.ended(commit=commit)
    service.steady()
    interrupted = pipeline.client.start_pipeline_execution(
        name=pipeline.name, variables=[{"name": "S", "value": "3000"}]
    )["pipelineExecutionId"]
    wait_for(lambda: states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"])
    task_before = service.ecs.list_tasks(cluster=service.name, serviceName=service.name)["taskArns"]

    faults.control(cloud.instance).crash()
    wait_for(lambda: not server_answers(cloud.instance), seconds=10)
    _up(cloud.instance)

    by_id = {item["pipelineExecutionId"]: item for item in pipeline.executions()}
    assert by_id[interrupted]["status"] == "Failed"
    assert by_id[interrupted]["statusSummary"] == "the local cloud was stopped during this execution"
    rollback = wait_for(
        lambda: next(
            (i for i in pipeline.executions() if i["executionType"] == "ROLLBACK" and i["status"] != "InProgress"), None
        )
    )
    assert rollback["status"] == "Succeeded"
    assert json.loads(rollback["trigger"]["triggerDetail"]) == {"FailedPipelineExecutionId": interrupted}
    ended = [
        execution["status"]
        for execution in states.list_executions(stateMachineArn=machine)["executions"]
        if execution["status"] != "SUCCEEDED"
    ]
    assert ended == ["FAILED"]
    service.steady()
    tasks = service.ecs.list_tasks(cluster=service.name, serviceName=service.name)["taskArns"]
    assert len(tasks) == 1
    assert not set(tasks) & set(task_before)
    running = cloud.run("docker", "ps", "--quiet", "--filter", f"ancestor={UPSTREAM}").stdout.split()
    assert len(running) == 1, "no container of the server that was killed is left"

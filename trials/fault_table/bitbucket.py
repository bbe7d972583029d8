"""Bitbucket's side: a connection whose handshake is open, and an API that is down."""

from __future__ import annotations

from pythonbase_localcloud.controls.bitbucket import BitbucketApi
from pythonbase_localcloud.demo import connections
from trials.fault_table import changes
from trials.fault_table.world import REPOSITORIES, SERVICE, World, expect, wait_until


def pending_then_available(world: World) -> str:
    """A pipeline starts while the connection waits for its handshake, which a person then finishes."""
    name, pipeline = world.next_version(), world.pipeline()
    (connection,) = world.clients("codeconnections").list_connections()["Connections"]
    connections.pend(world.instance, connection["ConnectionArn"], account=world.account)
    try:
        pipeline.push(changes.version(name), f"Version {name}")  # starts nothing: there is no webhook yet
        started = world.clients("codepipeline").start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]
        pipeline.settle()
        (execution,) = [item for item in pipeline.executions() if item["pipelineExecutionId"] == started]
        where, why = pipeline.failure(execution)
        expect((execution["status"], where) == ("Failed", "Source"), f"{execution['status']} in {where}: {why}")
        expect("PENDING" in why or "pending" in why, f"it says: {why}")
        # A person takes longer; what the watch finds repaired at its first look failed for another reason.
        wait_until(lambda: _watch_waits(world), "the watch")
    finally:
        connections.authorize(world.instance, connection["ConnectionArn"], account=world.account)

    def succeeded() -> bool:
        (found,) = [item for item in pipeline.executions() if item["pipelineExecutionId"] == started]
        return bool(found["status"] == "Succeeded")

    wait_until(succeeded, "the retry", seconds=120)
    expect(world.shop.get().split()[0] == name, f"{world.shop.get()} answers")
    return f"Source failed and said why; once AVAILABLE it was retried by itself and {name} released"


def status_api_down(world: World) -> str:
    """Bitbucket answers 503 while a build status is reported."""
    name, pipeline, api = world.next_version(), world.pipeline(), BitbucketApi(world.instance)
    api.fail(503, requests=100)
    try:
        commit = pipeline.push(changes.version(name), f"Version {name}")
        execution = pipeline.wait_for_end(commit)
    finally:
        api.recover()
    expect(execution["status"] == "Succeeded", f"the release is {execution['status']}: {pipeline.failure(execution)}")

    def reported() -> bool:
        return any(item["state"] == "SUCCESSFUL" for item in api.statuses(REPOSITORIES[SERVICE], commit).values())

    wait_until(reported, "the status", seconds=120)
    return f"{name} released; its status was written once Bitbucket answered again"


def _watch_waits(world: World) -> bool:
    """Whether the watch over the connection has seen that it is PENDING."""
    sfn = world.clients("stepfunctions")
    machines = sfn.list_state_machines()["stateMachines"]
    (arn,) = [item["stateMachineArn"] for item in machines if item["name"].startswith("Bitbucket-Watch")]
    for execution in sfn.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]:
        events = sfn.get_execution_history(executionArn=execution["executionArn"])["events"]
        if any(event["type"] == "WaitStateEntered" for event in events):
            return True
    return False

"""What only a large or an old account meets: throttling, long waits, redrives, lost tasks, records that cannot run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pythonbase_localcloud.controls.faults import Control
from trials.fault_table import changes
from trials.fault_table.going_back import command
from trials.fault_table.releases import release
from trials.fault_table.world import World, expect, wait_until

_RELEASE_ROLE = "*Release*"
_THROTTLED_SECONDS = 60.0


def register_throttled(world: World) -> str:
    """ECS refuses to register task definitions for a minute."""

    def throttle(faults: Control) -> None:
        error = "ThrottlingException"
        faults.fail("ecs:RegisterTaskDefinition", error=error, seconds=_THROTTLED_SECONDS, role=_RELEASE_ROLE)

    with world.injected(order=throttle) as faults:
        name = release(world)
        met = len(faults.log())
    expect(met, "no call met the fault")
    return f"{name} released after {met} throttled calls"


def turn_does_not_come(world: World) -> str:
    """A release waits for one that does not end; the limit is a minute here instead of an hour."""
    before, sfn = world.shop.recorded(), world.clients("stepfunctions")
    with _changed_machine(world, r"\$turns < \d+", "$turns < 60"):
        stuck = "ecs:DescribeServices"
        with world.injected(
            order=lambda faults: faults.fail(stuck, error="ThrottlingException", role=_RELEASE_ROLE)
        ) as faults:
            first = _start(world, {})
            wait_until(faults.log, "a call of the first release that meets the fault")
            second = _start(world, {})
            ended = _end(world, second)
        expect(ended["status"] == "FAILED", f"the second one is {ended['status']}")
        expect(ended["error"] == "Release.Busy", f"it says {ended['error']}: {ended.get('cause')}")
        expect(first in ended["cause"], f"it does not name the other: {ended['cause']}")
        after = _end(world, first)
    expect(after["status"] == "SUCCEEDED", f"the first one is {after['status']}: {after.get('cause')}")
    expect(not sfn.list_executions(stateMachineArn=_machine(world), statusFilter="RUNNING")["executions"], "one runs")
    expect(world.shop.recorded() == before, "another digest is recorded")
    return f"{ended['error']}: {ended['cause'].split(':')[0]}; the other one went on when it could"


def redriven(world: World) -> str:
    """A release is stopped, the stage is rolled back, and then the stopped one is redriven."""
    name, pipeline, before = world.next_version(), world.pipeline(), world.shop.recorded()
    commit = pipeline.push(changes.version(name), f"Version {name}")
    pipeline.wait_for_stage(commit, "Deploy")
    wait_until(lambda: not world.shop.is_steady(), "a deployment")
    (stopped,) = world.shop.running_releases()
    world.shop.stop_release()
    pipeline.wait_for_end(commit)
    pipeline.settle()
    world.shop.settle()
    revision = world.shop.ecs_service()["taskDefinition"]
    world.clients("stepfunctions").redrive_execution(executionArn=stopped)
    ended = _end(world, stopped)
    expect(ended["status"] == "FAILED", f"the redriven one is {ended['status']}")
    expect(world.shop.ecs_service()["taskDefinition"] == revision, "the redriven release touched the service")
    expect(world.shop.recorded() == before, "another digest is recorded")
    return f"the redriven release ended with {ended['error']} and wrote nothing"


def task_lost(world: World) -> str:
    """The only task is lost after ECS called the deployment completed, before the release has asked it."""
    name, pipeline, ecs = world.next_version(), world.pipeline(), world.clients("ecs")
    old = world.shop.ecs_service()["taskDefinition"]
    with world.injected(order=lambda faults: faults.delay("ecs:ListTasks", by=3.0, role=_RELEASE_ROLE)):
        commit = pipeline.push(changes.version(name), f"Version {name}")
        pipeline.wait_for_stage(commit, "Deploy")
        wait_until(lambda: world.shop.ecs_service()["taskDefinition"] != old, "an update of the service")
        wait_until(world.shop.is_steady, "a completed deployment")
        service = world.shop.ecs_service()
        cluster = service["clusterArn"]
        for arn in ecs.list_tasks(cluster=cluster, serviceName=world.shop.name, desiredStatus="RUNNING")["taskArns"]:
            ecs.stop_task(cluster=cluster, task=arn, reason="the fault table: the host is lost")
        execution = pipeline.wait_for_end(commit)
    expect(execution["status"] == "Succeeded", f"the release is {execution['status']}: {pipeline.failure(execution)}")
    expect(world.shop.get().split()[0] == name, f"{world.shop.get()} answers")
    return f"ECS replaced the task, and {name} was recorded"


def record_cannot_run(world: World) -> str:
    """What is recorded exits at once, and something else runs."""
    name, pipeline, ssm = release(world), world.pipeline(), world.clients("ssm")
    good = world.shop.parameter("image")
    commit = pipeline.push(changes.starts_and_exits, "Starts and exits")
    pipeline.wait_for_end(commit)
    pipeline.settle()
    broken = _image_of(world, commit)
    parameter = "/pythonbase/services/shop/image"
    ssm.put_parameter(Name=parameter, Value=broken, Type="String", Overwrite=True)
    try:
        # ECS's event of the deployment that was put back may have started it too.
        tried = [item for item in _reconcile(world) if item["status"] != "SUCCEEDED"]
        expect(len(tried) == 1, f"tried {len(tried)} times")
        expect("failure 1 of 5" in tried[0]["cause"], f"it says: {tried[0]['cause']}")
        revision = world.shop.ecs_service()["taskDefinition"]
        again = [item for item in _reconcile(world) if item["status"] != "SUCCEEDED"]
        expect(not again, f"tried again: {again}")
        expect(world.shop.ecs_service()["taskDefinition"] == revision, "the second try touched the service")
    finally:
        ssm.put_parameter(Name=parameter, Value=good, Type="String", Overwrite=True)
    expect(world.shop.get().split()[0] == name, f"{world.shop.get()} answers")
    return f"tried once: {tried[0]['error']}, again in an hour; {name} answers"


def rolled_back_in_the_console(world: World) -> str:
    """Somebody rolls the stage back to an earlier execution."""
    old, pipeline = release(world), world.pipeline()
    digest, target = world.shop.recorded(), pipeline.executions()[0]["pipelineExecutionId"]
    release(world)
    started = world.clients("codepipeline").rollback_stage(
        pipelineName=pipeline.name, stageName="Deploy", targetPipelineExecutionId=target
    )["pipelineExecutionId"]
    pipeline.settle()
    (execution,) = [item for item in pipeline.executions() if item["pipelineExecutionId"] == started]
    expect(execution["status"] == "Succeeded", f"it is {execution['status']}: {pipeline.failure(execution)}")
    expect(world.shop.get().split()[0] == old, f"{world.shop.get()} answers")
    expect(world.shop.recorded() == digest, f"{world.shop.recorded()} is recorded")
    return f"{old} answers again and is recorded"


def rolled_back_now(world: World) -> str:
    """`pythonbase rollback shop --now` while a release is being deployed."""
    name = release(world)
    digest, pipeline = world.shop.recorded(), world.pipeline()
    release(world)
    commit = pipeline.push(changes.never_healthy, "Never healthy")
    pipeline.wait_for_stage(commit, "Deploy")
    wait_until(lambda: not world.shop.is_steady(), "a deployment")
    started = time.monotonic()
    code, output = command(world, "rollback", "shop", "--now")
    seconds = time.monotonic() - started
    expect(code == 0, output)
    expect("stops the release" in output, output)
    expect(world.shop.recorded() == digest, f"{world.shop.recorded()} is recorded: {output}")
    execution = pipeline.wait_for_end(commit)
    expect("Release.Stopped" in pipeline.failure(execution)[1], f"the stopped one says {pipeline.failure(execution)}")
    pipeline.settle()
    world.shop.settle()
    expect(world.shop.get().split()[0] == name, f"{world.shop.get()} answers")
    return f"the release that ran was stopped, and {name} answered after {seconds:.0f} s"


def _machine(world: World) -> str:
    return f"arn:aws:states:{world.region}:{world.account}:stateMachine:shop-release"


@contextmanager
def _changed_machine(world: World, pattern: str, replacement: str) -> Iterator[None]:
    """The release machine with another definition for as long as the block lasts."""
    sfn = world.clients("stepfunctions")
    definition = sfn.describe_state_machine(stateMachineArn=_machine(world))["definition"]
    changed, count = re.subn(pattern, replacement, definition)
    expect(count, f"the definition has no {pattern}")
    sfn.update_state_machine(stateMachineArn=_machine(world), definition=changed)
    try:
        yield
    finally:
        sfn.update_state_machine(stateMachineArn=_machine(world), definition=definition)


def _start(world: World, given: dict[str, Any]) -> str:
    sfn = world.clients("stepfunctions")
    return str(sfn.start_execution(stateMachineArn=_machine(world), input=json.dumps(given))["executionArn"])


def _end(world: World, execution: str, *, seconds: float = 120) -> dict[str, Any]:
    sfn = world.clients("stepfunctions")
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(sfn.describe_execution(executionArn=execution))
        return bool(found["status"] != "RUNNING")

    wait_until(over, f"the end of {execution}", seconds=seconds)
    return found


def _reconcile(world: World) -> list[dict[str, Any]]:
    """Run the reconciler; the releases that began since, once they have ended."""
    sfn = world.clients("stepfunctions")
    pages = sfn.get_paginator("list_state_machines").paginate()
    machines = [item["stateMachineArn"] for page in pages for item in page["stateMachines"]]
    (reconciler,) = [arn for arn in machines if "Reconciler" in arn]
    known = {item["executionArn"] for item in _releases(world)}
    run = sfn.start_execution(stateMachineArn=reconciler, input="{}")["executionArn"]
    done = _end(world, run)
    expect(done["status"] == "SUCCEEDED", f"the reconciler is {done['status']}: {done.get('cause')}")
    wait_until(lambda: {item["executionArn"] for item in _releases(world)} - known, "a release by the reconciler")
    world.shop.settle()
    return [_end(world, item["executionArn"]) for item in _releases(world) if item["executionArn"] not in known]


def _releases(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.clients("stepfunctions").list_executions(stateMachineArn=_machine(world))[
        "executions"
    ]
    return found


def _image_of(world: World, commit: str) -> str:
    images = world.clients("ecr").describe_images(repositoryName="shop", imageIds=[{"imageTag": commit}])
    repository = world.shop.parameter("image").partition("@")[0]
    return f"{repository}@{images['imageDetails'][0]['imageDigest']}"

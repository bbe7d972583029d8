"""Faults of a commit, of its build, and of the APIs that a release calls."""

from __future__ import annotations

import time

from pythonbase_localcloud.controls.faults import Control
from trials.fault_table import changes
from trials.fault_table.changes import Change
from trials.fault_table.world import SERVICE, World, expect, wait_until


def _fails(world: World, change: Change, *, stage: str, says: str) -> str:
    """Push a commit whose release must fail in a stage; what was observed."""
    before, pipeline = world.shop.recorded(), world.pipeline()
    started = time.monotonic()
    execution = pipeline.wait_for_end(pipeline.push(change, "A commit with a fault"))
    seconds = time.monotonic() - started
    where, why = pipeline.failure(execution)
    expect(execution["status"] == "Failed", f"the pipeline is {execution['status']}")
    expect(where == stage, f"it failed in {where}: {why}")
    expect(says.lower() in why.lower(), f"it says: {why}")
    expect(world.shop.recorded() == before, "another digest is recorded")
    _repair(world)
    return f"pipeline failed in {stage} after {seconds:.0f} s: {_shortened(why, says)}"


def _repair(world: World) -> None:
    """The next commit works again."""
    world.pipeline().settle()
    released = release(world)
    expect(released, "the next commit was not released")


def release(world: World) -> str:
    """Push a version that works and wait until it is released; its name."""
    name, pipeline = world.next_version(), world.pipeline()
    execution = pipeline.wait_for_end(pipeline.push(changes.version(name), f"Version {name}"))
    expect(execution["status"] == "Succeeded", f"{name} is {execution['status']}: {pipeline.failure(execution)}")
    expect(world.shop.get().split()[0] == name, f"{name} was released, and {world.shop.get()} answers")
    return name


def _shortened(text: str, around: str, characters: int = 70) -> str:
    start = max(text.lower().find(around.lower()), 0)
    part = text[start : start + characters].replace("\n", " ")
    return part + ("…" if start + characters < len(text) else "")


def build_fails(world: World) -> str:
    """A step of the Dockerfile fails."""
    return _fails(world, changes.does_not_build, stage="Build", says="COMMAND_EXECUTION_ERROR")


def test_fails(world: World) -> str:
    """The service's own test fails."""
    return _fails(world, changes.tests_fail, stage="Build", says="COMMAND_EXECUTION_ERROR")


def image_exits(world: World) -> str:
    """The container exits."""
    return _fails(world, changes.starts_and_exits, stage="Deploy", says="exit code 3")


def never_healthy(world: World) -> str:
    """The container answers no health check."""
    return _fails(world, changes.never_healthy, stage="Deploy", says="deployment failed")


def health_flaps(world: World) -> str:
    """The container answers health checks and then does not, again and again."""
    pipeline, started = world.pipeline(), time.time()
    execution = pipeline.wait_for_end(pipeline.push(changes.health_flaps, "Health flaps"))

    def replaced() -> bool:
        events = world.shop.ecs_service()["events"]
        return any("unhealthy" in item["message"] for item in events if item["createdAt"].timestamp() > started)

    wait_until(replaced, "ECS's replacement of the tasks")
    pipeline.settle()
    name = release(world)
    return f"release {execution['status']}, ECS replaced its tasks; the next commit ({name}) answers"


def push_breaks(world: World) -> str:
    """ECR answers no upload of a layer."""
    name, pipeline, before = world.next_version(), world.pipeline(), world.shop.recorded()
    with world.injected(order=lambda faults: faults.fail("ecr:PutImage", error="INTERNAL_ERROR", status=500)) as faults:
        execution = pipeline.wait_for_end(pipeline.push(changes.version(name), f"Version {name}"))
        met = len(faults.log())
    expect(execution["status"] == "Failed", f"the pipeline is {execution['status']}")
    expect(met, "no push met the fault")
    expect(world.shop.recorded() == before, "another digest is recorded")
    pipeline.settle()
    world.clients("codepipeline").retry_stage_execution(
        pipelineName=pipeline.name,
        stageName="Build",
        pipelineExecutionId=execution["pipelineExecutionId"],
        retryMode="FAILED_ACTIONS",
    )
    commit = execution["sourceRevisions"][0]["revisionId"]
    again = pipeline.wait_for_end(commit)
    expect(again["status"] == "Succeeded", f"the retry is {again['status']}: {pipeline.failure(again)}")
    expect(world.shop.get().split()[0] == name, f"{world.shop.get()} answers")
    return f"Build failed after {met} refused uploads; its retry released the same commit"


def ecs_throttles(world: World) -> str:
    """ECS refuses calls for a while."""
    order = ("ecs:UpdateService", "ecs:DescribeServices", "ecs:RegisterTaskDefinition")

    def throttle(faults: Control) -> None:
        for action in order:
            faults.fail(action, error="ThrottlingException", times=5, role="*Release*")

    with world.injected(order=throttle) as faults:
        name = release(world)
        met = len(faults.log())
    expect(met >= len(order), f"only {met} calls met the fault")
    return f"{name} released after {met} throttled calls"


def record_fails(world: World) -> str:
    """SSM refuses to write, after a deployment that became healthy."""
    name, pipeline, before = world.next_version(), world.pipeline(), world.shop.recorded()
    order = "ssm:PutParameter"
    with world.injected(order=lambda faults: faults.fail(order, error="InternalServerError")) as faults:
        execution = pipeline.wait_for_end(pipeline.push(changes.version(name), f"Version {name}"))
        pipeline.settle()
        world.shop.settle()
        met = len(faults.log())
    where, why = pipeline.failure(execution)
    expect(met, "no call met the fault")
    expect((execution["status"], where) == ("Failed", "Deploy"), f"{execution['status']} in {where}: {why}")
    expect("Release.NotRecorded" in why, f"it says: {why}")
    expect(world.shop.recorded() == before and world.shop.running() == {before}, "something else runs or is recorded")
    release(world)
    return "pipeline failed, the service was put back to what is recorded, and the next commit was released"


def runner_killed(world: World) -> str:
    """What runs the release is stopped while ECS deploys, and the pipeline is started again."""
    name, pipeline, before = world.next_version(), world.pipeline(), world.shop.recorded()
    commit = pipeline.push(changes.version(name), f"Version {name}")
    pipeline.wait_for_stage(commit, "Deploy")
    wait_until(lambda: not world.shop.is_steady(), "a deployment")
    world.shop.stop_release()
    execution = pipeline.wait_for_end(commit)
    where, why = pipeline.failure(execution)
    expect((execution["status"], where) == ("Failed", "Deploy"), f"{execution['status']} in {where}: {why}")
    pipeline.settle()
    world.shop.settle()
    rolled_back = [item for item in pipeline.executions() if item.get("executionType") == "ROLLBACK"]
    expect(rolled_back, "the stage was not rolled back")
    expect(world.shop.running() == {before} == {world.shop.recorded()}, "something else runs or is recorded")
    world.clients("codepipeline").start_pipeline_execution(name=pipeline.name)
    pipeline.settle()
    world.shop.settle()
    expect(world.shop.get().split()[0] == name, f"{world.shop.get()} answers")
    return f"stage rolled back to what is recorded; started again, the pipeline released {name}"


def two_pushes(world: World) -> str:
    """The second push comes while the first is being built."""
    pipeline, first, second = world.pipeline(), world.next_version(), world.next_version()
    one = pipeline.push(changes.version(first), f"Version {first}")
    time.sleep(1)
    two = pipeline.push(changes.version(second), f"Version {second}")
    ends = [pipeline.wait_for_end(commit)["status"] for commit in (one, two)]
    expect(ends[1] == "Succeeded" and ends[0] in {"Succeeded", "Superseded"}, f"they are {ends}")
    expect(world.shop.get().split()[0] == second, f"{world.shop.get()} answers")
    return f"first {ends[0]}, second {ends[1]}; {second} answers"


def same_commit_twice(world: World) -> str:
    """A pipeline is started again for a commit that was built and released."""
    name, pipeline = release(world), world.pipeline()
    digest, ecr = world.shop.recorded(), world.clients("ecr")
    images = len(ecr.describe_images(repositoryName=SERVICE)["imageDetails"])
    versions = len(world.clients("ssm").get_parameter_history(Name="/pythonbase/services/shop/image")["Parameters"])
    execution_id = world.clients("codepipeline").start_pipeline_execution(name=pipeline.name)["pipelineExecutionId"]
    pipeline.settle()
    (execution,) = [item for item in pipeline.executions() if item["pipelineExecutionId"] == execution_id]
    expect(execution["status"] == "Succeeded", f"it is {execution['status']}: {pipeline.failure(execution)}")
    after = len(ecr.describe_images(repositoryName=SERVICE)["imageDetails"])
    expect(after == images, f"{after - images} images more")
    expect(world.shop.recorded() == digest, "another digest is recorded")
    history = world.clients("ssm").get_parameter_history(Name="/pythonbase/services/shop/image")["Parameters"]
    expect(len(history) == versions, "the same release was recorded twice")
    return f"found the image of {name}, deployed and recorded nothing anew"


def events_twice(world: World) -> str:
    """EventBridge delivers every event twice."""

    def duplicate(faults: Control) -> None:
        for source in ("aws.codepipeline", "aws.ecs", "aws.codebuild", "aws.ecr"):
            faults.duplicate_events(source)

    with world.injected(order=duplicate) as faults:
        name = release(world)
        world.settle()
        met = len(faults.log())
        time.sleep(2)
        world.settle()
    expect(met, "no event was doubled")
    expect(world.shop.get().split()[0] == name, f"{world.shop.get()} answers")
    history = world.clients("ssm").get_parameter_history(Name="/pythonbase/services/shop/image")["Parameters"]
    last = [version["Value"] for version in history][-2:]
    expect(last[0] != last[1], "the release was recorded twice")
    return f"{met} events came twice; {name} was released and recorded once"

"""Tags of commits that nobody reviewed."""

from __future__ import annotations

from typing import Any

from trials.fault_table import changes
from trials.fault_table.world import GATED, World, expect


def unreviewed(world: World) -> str:
    """A tag of a commit that is on no branch, then one of a commit that is."""
    pipeline, staged = world.pipeline(GATED), world.staging.recorded()
    name = world.next_version()
    execution = pipeline.wait_for_end(pipeline.push_tag(f"{name}-unreviewed", changes.version(name)))
    where, why = pipeline.failure(execution)
    expect((execution["status"], where) == ("Failed", "Build"), f"it is {execution['status']} in {where}: {why}")
    last = _last_lines(world, execution)
    expect("is not on the branch main" in last, f"its log ends with: {last}")
    expect(world.staging.recorded() == staged, "it was released")

    name = world.next_version()
    commit = pipeline.push(changes.version(name), f"Version {name}")
    pipeline.decide(pipeline.approval("ApproveProduction"), "Rejected", "the tag decides")
    pipeline.wait_for_end(commit)
    tagged = world.staging.recorded()
    before = len(pipeline.executions())
    pipeline.push_tag(name)
    asked = pipeline.approval("ApproveProduction")
    expect(len(pipeline.executions()) == before + 1, "the tag started nothing")
    expect(world.staging.recorded() == tagged != staged, f"{world.staging.recorded()} is recorded in staging")
    pipeline.decide(asked, "Rejected", "enough seen")
    pipeline.settle()
    return "refused in Build: not on the branch main; the tag of a merged commit went up to the approval"


def _last_lines(world: World, execution: dict[str, Any]) -> str:
    details = world.clients("codepipeline").list_action_executions(
        pipelineName=GATED, filter={"pipelineExecutionId": execution["pipelineExecutionId"]}
    )["actionExecutionDetails"]
    (build_id,) = [
        action["output"]["executionResult"]["externalExecutionId"]
        for action in details
        if action["stageName"] == "Build"
    ]
    build = world.clients("codebuild").batch_get_builds(ids=[build_id])["builds"][0]
    events = world.clients("logs").get_log_events(
        logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
    )["events"]
    lines = [event["message"].strip() for event in events]
    return " ".join(line for line in lines if line.startswith(("error", "merged commit")))

"""Releases that somebody must approve."""

from __future__ import annotations

from trials.fault_table import changes
from trials.fault_table.world import GATED, World, expect


def rejected(world: World) -> str:
    """Production is rejected."""
    name, pipeline, production = world.next_version(), world.pipeline(GATED), world.production.recorded()
    commit = pipeline.push(changes.version(name), f"Version {name}")
    asked = pipeline.approval("ApproveProduction")
    staged = world.staging.recorded()
    pipeline.decide(asked, "Rejected", "not today")
    execution = pipeline.wait_for_end(commit)
    where, why = pipeline.failure(execution)
    expect((execution["status"], where) == ("Failed", "ApproveProduction"), f"{execution['status']} in {where}: {why}")
    expect("not today" in why, f"it says {why}")
    expect(world.production.recorded() == production != staged, "production changed")
    return f"staging runs {name}, production what it ran; the pipeline says: {why[-40:]}"


def expired(world: World) -> str:
    """Nobody decides about production in time."""
    name, pipeline, production = world.next_version(), world.pipeline(GATED), world.production.recorded()
    commit = pipeline.push(changes.version(name), f"Version {name}")
    pipeline.approval("ApproveProduction")
    execution = pipeline.wait_for_end(commit, seconds=400)
    where, why = pipeline.failure(execution)
    expect((execution["status"], where) == ("Failed", "ApproveProduction"), f"{execution['status']} in {where}: {why}")
    expect(world.production.recorded() == production, "production changed")
    return f"staging runs {name}, production what it ran; the pipeline says: {why[:60]}"

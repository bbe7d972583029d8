"""Releases hold when many begin within a minute: none fails, none is put back."""

from __future__ import annotations

from typing import Any

import pytest

from pythonbase import ReleaseNames
from pythonbase.releases.steps import ReleaseTarget, release_steps
from tests.simulation.account import REPOSITORY, Account, Bucket
from tests.simulation.crowd import MOST_EVENTS, release_at_once


def definition(name: str) -> dict[str, Any]:
    """The state machine that releases to this service."""
    return release_steps(
        ReleaseTarget(
            names=ReleaseNames(name),
            cluster_name="cluster",
            container_name="app",
            registry_id="111122223333",
            repository_uri=REPOSITORY,
            locks_table="locks",
            timeout_seconds=1800,
        )
    )


@pytest.mark.parametrize("releases", [1, 50, 120])
def test_all_are_released_and_none_is_put_back(releases: int) -> None:
    outcome = release_at_once(definition, releases)
    assert (outcome.succeeded, outcome.put_back, outcome.errors) == (releases, 0, {})
    assert outcome.events < MOST_EVENTS / 10
    if releases > 50:
        assert outcome.throttled > 0, "the buckets were never empty, so this shows nothing"


def test_with_the_patience_of_most_state_machines_they_would_fail() -> None:
    def impatient(name: str) -> dict[str, Any]:
        steps = definition(name)
        for state in steps["States"].values():
            for retry in state.get("Retry", []):
                retry.update(MaxAttempts=3, MaxDelaySeconds=5)
        return steps

    outcome = release_at_once(impatient, 120)
    assert outcome.succeeded < 120
    assert outcome.errors["Ecs.EcsException"] > 10


def test_a_bucket_refills_by_the_second_up_to_its_burst() -> None:
    bucket = Bucket(2, 1)
    assert [bucket.take(at) for at in (0, 0, 0, 0.5, 1, 100, 100, 100)] == [
        True, True, False, False, True, True, True, False,
    ]  # fmt: skip


def test_a_call_that_the_model_does_not_know_is_named() -> None:
    with pytest.raises(NotImplementedError, match="ecs:runTask"):
        Account().call("ecs:runTask", {}, 0)

"""What was measured."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, kw_only=True)
class Series:
    """N builds in one way."""

    name: str
    outcomes: tuple[bool, ...]
    """Which of the builds succeeded, in the order in which they were started."""
    docker_hub_pulls: int
    """Pulls that the stand-in for Docker Hub counted meanwhile."""
    reason: str
    """The first failure, in the builder's words; empty if there was none."""
    seconds: float

    @property
    def builds(self) -> int:
        return len(self.outcomes)

    @property
    def failures(self) -> int:
        return self.outcomes.count(False)

    @property
    def first_failure(self) -> int | None:
        """The number of the build that failed first, counted from 1."""
        return self.outcomes.index(False) + 1 if False in self.outcomes else None

    @property
    def cumulative(self) -> list[int]:
        """Successful builds after each build."""
        return list(accumulate(map(int, self.outcomes)))


@dataclass(frozen=True, kw_only=True)
class Refresh:
    """One run of the base image's build."""

    changed: bool
    """Whether upstream had published another image since the last one."""
    published: bool
    """Whether the tag that services follow moved."""
    pulls: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """Everything that one run of the proof measured."""

    limit: int
    user_limit: int
    window: float
    series: tuple[Series, ...]
    """In the order of the table; the pipeline is the last."""
    refreshes: tuple[Refresh, ...]
    first_build_pulls: int
    """Pulls of the base image's first build, during the deployment."""
    seconds: float

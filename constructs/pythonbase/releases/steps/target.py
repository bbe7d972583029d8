"""What a release works on, and how long each of its parts may take."""

from __future__ import annotations

from dataclasses import dataclass

from pythonbase.releases.names import ReleaseNames

_SHORTEST_PATIENCE_SECONDS = 15 * 60
_SHORTEST_TURN_SECONDS = 60 * 60
_MOST_POLLS = 200
"""Of one wait: an execution may have 25,000 events, and a poll is about 10 of them, a look at the lock 25:
https://docs.aws.amazon.com/step-functions/latest/dg/bp-history-limit.html"""
_SLACK_SECONDS = 60 * 60
"""For calls that are throttled, on top of all waits."""


@dataclass(frozen=True, kw_only=True)
class ReleaseTarget:
    """What a release works on. Values may be CDK tokens.

    Args:
        names: Which service and environment.
        cluster_name: Its ECS cluster.
        container_name: The container whose image is released.
        registry_id: The account that owns the service's ECR repository.
        repository_uri: URI of that repository.
        repository_is_here: Whether it is in this Region: state machines call no other.
        locks_table: Name of the table of locks.
        timeout_seconds: How long a deployment may take.
    """

    names: ReleaseNames
    cluster_name: str
    container_name: str
    registry_id: str
    repository_uri: str
    repository_is_here: bool = True
    locks_table: str
    timeout_seconds: int

    @property
    def poll_seconds(self) -> int:
        """How often a deployment is looked at after its first half minute, in which it is every 5 seconds."""
        return max(15, self.timeout_seconds // _MOST_POLLS)

    @property
    def patience_seconds(self) -> int:
        """How long a release waits for a deployment that somebody else started. It then goes on: the new image may be
        the cure of a service that cannot become steady.
        """
        return max(_SHORTEST_PATIENCE_SECONDS, self.timeout_seconds)

    @property
    def verification_seconds(self) -> int:
        """How long ECS may take to replace a task that was lost after the deployment was completed."""
        return 10 * 60

    @property
    def turn_seconds(self) -> int:
        """How long a release waits for others to end: for two of the slowest."""
        return max(_SHORTEST_TURN_SECONDS, 2 * self.timeout_seconds)

    @property
    def turn_poll_seconds(self) -> int:
        """How often it looks whether it is its turn after the first ten minutes, in which it is every 15 seconds."""
        return max(60, self.turn_seconds // _MOST_POLLS)

    @property
    def restart_seconds(self) -> int:
        """Until when a release starts again because the template of its service changed meanwhile."""
        return self.turn_seconds + self.patience_seconds + self.timeout_seconds

    @property
    def limit_seconds(self) -> int:
        """How long an execution may take: it starts again until ``restart_seconds``, and then needs all once more."""
        once = self.patience_seconds + self.timeout_seconds + self.verification_seconds
        back = self.timeout_seconds
        return self.restart_seconds + once + back + _SLACK_SECONDS

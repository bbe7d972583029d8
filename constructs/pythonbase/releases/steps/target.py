"""The service that a release works on, and its time limits."""

from __future__ import annotations

from dataclasses import dataclass

from pythonbase.releases.names import ReleaseNames

_SHORTEST_PATIENCE_SECONDS = 15 * 60
_SHORTEST_TURN_SECONDS = 60 * 60
_MOST_POLLS = 200
"""Of one wait. An execution may have 25,000 events. A poll is about 10 of them, a check of the lock 25:
https://docs.aws.amazon.com/step-functions/latest/dg/bp-history-limit.html"""
_SLACK_SECONDS = 60 * 60
"""For calls that are throttled, in addition to all waits."""


@dataclass(frozen=True, kw_only=True)
class ReleaseTarget:
    """The service that a release works on. Values may be CDK tokens.

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
        """Seconds between two polls of a deployment. In its first half minute they are 5 seconds apart."""
        return max(15, self.timeout_seconds // _MOST_POLLS)

    @property
    def patience_seconds(self) -> int:
        """How long a release waits for a deployment that somebody else started. Then it continues: the new image may
        be what the service needs to become stable.
        """
        return max(_SHORTEST_PATIENCE_SECONDS, self.timeout_seconds)

    @property
    def verification_seconds(self) -> int:
        """How long ECS may take to replace a task that is lost after the deployment was completed."""
        return 10 * 60

    @property
    def turn_seconds(self) -> int:
        """How long a release waits for the lock: as long as two of the slowest releases take."""
        return max(_SHORTEST_TURN_SECONDS, 2 * self.timeout_seconds)

    @property
    def turn_poll_seconds(self) -> int:
        """Seconds between two attempts to take the lock. In the first ten minutes they are 15 seconds apart."""
        return max(60, self.turn_seconds // _MOST_POLLS)

    @property
    def restart_seconds(self) -> int:
        """How long after its start a release may start again because the template of its service has changed."""
        return self.turn_seconds + self.patience_seconds + self.timeout_seconds

    @property
    def limit_seconds(self) -> int:
        """How long an execution may take: it starts again until ``restart_seconds``, and then needs all its time once
        more.
        """
        once = self.patience_seconds + self.timeout_seconds + self.verification_seconds
        back = self.timeout_seconds
        return self.restart_seconds + once + back + _SLACK_SECONDS

"""Notices that a container has ended.

MiniStack looks ten times a second at every task and asks Docker twice each time, which keeps a small machine busy.
"""

from __future__ import annotations

import time
from typing import Any

from pythonbase_localcloud.aws import scope, seams

_POLL_SECONDS = 0.5


def install() -> None:
    """Replace MiniStack's watch."""

    def watch(task: Any, docker_client: Any, account_id: str, region: str) -> None:
        with scope.scoped(account_id, region):
            scope.spawn(_until_it_stops, task, docker_client, name="ecs-task")

    seams.ecs._watch_task_lifecycle = watch


def _until_it_stops(task: Any, docker_client: Any) -> None:
    while seams.ecs._task_is_active(task["taskArn"], task):
        seams.ecs._maybe_mark_stopped(task, docker_client)
        time.sleep(_POLL_SECONDS)

"""After a restart no task runs: MiniStack starts those of services anew, but leaves the old ones half alive."""

from __future__ import annotations

import logging

from pythonbase_localcloud.aws import seams, store
from pythonbase_localcloud.aws.engine import EngineError

log = logging.getLogger("localcloud")

_REASON = "Task stopped: the local cloud was stopped"


def end_interrupted_tasks() -> None:
    """Stop the tasks of the server before this one, and remove their containers."""
    now = seams.ecs._iso()
    for _, task in seams.ecs._tasks.all_items():
        if task.get("desiredStatus") == "STOPPED":
            continue
        task.update(
            lastStatus="STOPPED",
            desiredStatus="STOPPED",
            stoppingAt=now,
            stoppedAt=now,
            executionStoppedAt=now,
            stopCode="ServiceSchedulerInitiated",
            stoppedReason=_REASON,
        )
        for container in task.get("containers") or []:
            container["lastStatus"] = "STOPPED"
    _remove_containers()


def _remove_containers() -> None:
    """A server that was killed leaves containers; nothing is there yet of the present one."""
    try:
        for container in seams.ecs._get_docker().containers.list(all=True, filters={"label": "ministack=ecs"}):
            container.remove(force=True)
    except (EngineError, OSError) as error:
        log.warning("ECS: containers of an earlier server could not be removed: %s", error)


def install() -> None:
    """Do it once the state is loaded."""
    store.after_load(end_interrupted_tasks)

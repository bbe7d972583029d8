"""What the running tasks of a service log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from pythonbase_operations.aws import MOST_AT_ONCE, OperationError
from pythonbase_operations.logs.streams import Line, Stream

_MOST_TASKS = 25
"""Tasks that are read. CloudWatch Logs allows 25 GetLogEvents a second:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/cloudwatch_limits_cwl.html"""
_SHORT = 8


class RunningTasks:
    """The running tasks of a service, and the log streams of their containers.

    Args:
        ecs: A client of ECS.
        logs: A client of CloudWatch Logs.
        cluster: The service's cluster.
        service: Name of the ECS service.
        since: Time of the oldest line.
    """

    def __init__(self, ecs: Any, logs: Any, *, cluster: str, service: str, since: datetime) -> None:
        self._ecs, self._logs, self._since = ecs, logs, since
        self._service = {"cluster": cluster, "serviceName": service}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._places: dict[str, list[tuple[str, str]]] = {}
        self.running: tuple[str, ...] = ()
        """Ids of the tasks that are read."""
        self.more = 0
        """How many tasks run besides."""

    def look(self) -> None:
        """Find the tasks that run now. Streams of tasks that ran before are not read any more.

        Raises:
            OperationError: if the containers log elsewhere.
        """
        arns = self._ecs.list_tasks(**self._service, desiredStatus="RUNNING", maxResults=100)["taskArns"]
        read = sorted(arns)[:_MOST_TASKS]
        self.more = len(arns) - len(read)
        tasks = self._ecs.describe_tasks(cluster=self._service["cluster"], tasks=read)["tasks"] if read else []
        found = {}
        for task in tasks:
            task_id = task["taskArn"].rpartition("/")[2]
            for group, prefix in self._places_of(task["taskDefinitionArn"]):
                key = (task_id, prefix)
                found[key] = self._streams.get(key) or Stream(
                    self._logs, group=group, name=f"{prefix}/{task_id}", since=self._since
                )
        self._streams = found
        self.running = tuple(dict.fromkeys(task_id for task_id, _ in found))

    def _places_of(self, task_definition: str) -> list[tuple[str, str]]:
        """Log group and begin of the stream's name, for each container of a task definition."""
        if task_definition not in self._places:
            found = self._ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
            self._places[task_definition] = places(found)
        return self._places[task_definition]

    def newest(self) -> list[str]:
        """The lines up to now."""
        return merged(self._read(Stream.newest))

    def added(self) -> list[str]:
        """The lines since the last call."""
        return merged(self._read(Stream.added))

    @property
    def is_cut(self) -> bool:
        """Whether older lines were left out, because there are too many."""
        return any(stream.is_cut for stream in self._streams.values())

    def _read(self, read: Callable[[Stream], list[Line]]) -> Iterator[tuple[str, list[Line]]]:
        with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
            lines = pool.map(read, self._streams.values())
            yield from zip((task_id for task_id, _ in self._streams), lines, strict=True)


def places(task_definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Log group and begin of the stream's name, for each container that logs with the driver awslogs.

    Raises:
        OperationError: if there is none.
    """
    found = []
    for container in task_definition["containerDefinitions"]:
        configuration = container.get("logConfiguration") or {}
        if configuration.get("logDriver") == "awslogs":
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
            options = configuration["options"]
            found.append((options["awslogs-group"], f"{options['awslogs-stream-prefix']}/{container['name']}"))
    if not found:
        name = task_definition["taskDefinitionArn"].rpartition("/")[2]
        raise OperationError(f"no container of the task definition {name} logs with the driver awslogs")
    return found


def merged(streams: Iterable[tuple[str, Iterable[Line]]]) -> list[str]:
    """The lines of all tasks by time, with the short id of the task and the time in front.

    Lines of one task that have the same time stay in their order.
    """
    lines = sorted(
        ((line.when, task_id, line.text) for task_id, found in streams for line in found), key=lambda i: i[0]
    )
    return [f"{task_id[:_SHORT]} {_time(when)} {text}" for when, task_id, text in lines]


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, tz=UTC).astimezone():%Y-%m-%d %H:%M:%S}"

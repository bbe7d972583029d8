"""The awslogs driver: a container's output goes to CloudWatch Logs with the execution role."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger("localcloud")

_FLUSH_SECONDS = 0.5


def forward(client: Any, container: Any, configuration: Mapping[str, Any]) -> None:
    """Copy lines until the container ends; `client` is one of CloudWatch Logs."""
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(container, lines), daemon=True, name="localcloud-task-output").start()
    for batch in _batches(lines):
        now = int(time.time() * 1000)
        try:
            client.put_log_events(
                logGroupName=configuration["group"],
                logStreamName=configuration["stream"],
                logEvents=[{"timestamp": now, "message": line or " "} for line in batch],
            )
        except (ClientError, BotoCoreError) as error:
            log.warning("output for %s is lost: %s", configuration["stream"], error)


def _read(container: Any, lines: queue.Queue[str | None]) -> None:
    rest = b""
    try:
        for chunk in container.logs(stream=True, follow=True, stdout=True, stderr=True):
            *complete, rest = (rest + chunk).split(b"\n")
            for line in complete:
                lines.put(line.decode("utf-8", errors="replace").rstrip("\r"))
    except Exception as error:  # the engine ends the stream in many ways when a container is removed
        log.debug("the output of a container ended: %s", error)
    if rest:
        lines.put(rest.decode("utf-8", errors="replace"))
    lines.put(None)


def _batches(lines: queue.Queue[str | None]) -> Iterator[list[str]]:
    """What has come in since the last batch; ends after None."""
    while (item := lines.get()) is not None:
        time.sleep(_FLUSH_SECONDS)
        batch = [item]
        while not lines.empty():
            item = lines.get()
            if item is None:
                yield batch
                return
            batch.append(item)
        yield batch

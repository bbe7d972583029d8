"""Writes a build's output to CloudWatch Logs with the project's service role."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger("localcloud")

_FLUSH_SECONDS = 0.7
_BATCH_LINES = 1000
_LINE_CHARACTERS = 200_000
"""CloudWatch Logs takes events of 256 KB."""


class BuildLog:
    """A stream that takes lines and sends them in batches. A missing permission loses the log, not the build."""

    def __init__(self, client: Callable[[str], Any], *, group: str, stream: str, create_group: bool) -> None:
        self.error: str | None = None
        self._group, self._stream = group, stream
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._client = client("logs")
        if create_group:
            self._try(lambda: self._client.create_log_group(logGroupName=group))
        self._try(lambda: self._client.create_log_stream(logGroupName=group, logStreamName=stream))
        self._thread = threading.Thread(target=self._flush_regularly, daemon=True, name="localcloud-build-log")
        self._thread.start()

    def write(self, line: str) -> None:
        """Add a line."""
        with self._lock:
            self._lines.append({"timestamp": int(time.time() * 1000), "message": line[:_LINE_CHARACTERS] or " "})

    def close(self) -> None:
        """Send what is left."""
        self._closed.set()
        self._thread.join()

    def _flush_regularly(self) -> None:
        while not self._closed.wait(_FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            batch, self._lines = self._lines, []
        for start in range(0, len(batch), _BATCH_LINES):
            self._try(
                partial(
                    self._client.put_log_events,
                    logGroupName=self._group,
                    logStreamName=self._stream,
                    logEvents=batch[start : start + _BATCH_LINES],
                )
            )

    def _try(self, send: Callable[[], Any]) -> None:
        try:
            send()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                self._failed(error)
        except BotoCoreError as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self.error is None:
            log.warning("the build's log %s is not written: %s", self._stream, error)
        self.error = self.error or str(error)


def destination(project: Mapping[str, Any], build_id: str) -> tuple[str, str, bool]:
    """Group, stream and whether CodeBuild makes the group: it does for its default group only."""
    configured = (project.get("logsConfig") or {}).get("cloudWatchLogs") or {}
    suffix = build_id.split(":", 1)[1]
    prefix = configured.get("streamName")
    group = configured.get("groupName")
    return group or f"/aws/codebuild/{project['name']}", f"{prefix}/{suffix}" if prefix else suffix, True

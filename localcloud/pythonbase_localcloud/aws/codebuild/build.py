"""One build: what it is asked to do, and what its steps share."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pythonbase_localcloud.aws import engine
from pythonbase_localcloud.aws.iam import credentials
from pythonbase_localcloud.aws.settings import Settings

from .logs import BuildLog
from .records import Progress, Record

log = logging.getLogger("localcloud")

SOURCES = "/codebuild/output/src"
"""Where the sources are in the container."""


class BuildFailedError(Exception):
    """A phase failed for a reason that is not a command's exit status."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Location:
        """From ``bucket/key`` or an ARN."""
        bucket, _, key = text.removeprefix("arn:aws:s3:::").partition("/")
        return cls(bucket=bucket, key=key)


@dataclass(frozen=True, kw_only=True)
class PipelineFiles:
    """Where a pipeline's build finds its sources and puts its artifacts, by artifact name."""

    sources: Mapping[str, Location]
    primary_source: str
    artifacts: Mapping[str, Location]
    revision: str = ""
    encryption_key: str | None = None


@dataclass(kw_only=True)
class Build:
    """One build while it runs."""

    record: Record
    project: Mapping[str, Any]
    overrides: Sequence[Mapping[str, Any]]
    pipeline: PipelineFiles | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    timed_out: threading.Event = field(default_factory=threading.Event)
    container: Any = None

    def kill(self) -> None:
        """End the container at once."""
        if self.container is not None:
            try:
                self.container.kill()
            except engine.EngineError as error:
                log.debug("the build's container is gone: %s", error)


class Work:
    """What the steps of one build share: its folders, its role, its log."""

    def __init__(self, settings: Settings, build: Build, progress: Progress, directory: Path) -> None:
        self.settings = settings
        self.build = build
        self.record = build.record
        self.progress = progress
        self.source = directory / "src"
        self.control = directory / "agent"
        self.log: BuildLog | None = None
        self._session: credentials.Credentials | None = None

    def open(self) -> None:
        """Make the folders, take the role, open the log."""
        self.source.mkdir(parents=True)
        self.control.mkdir(parents=True)
        logs = self.record["logs"]
        self.credentials()
        if (logs.get("cloudWatchLogs") or {}).get("status") != "DISABLED":
            self.log = BuildLog(
                self.client,
                group=logs["groupName"],
                stream=logs["streamName"],
                create_group=logs["groupName"].startswith("/aws/codebuild/"),
            )

    def say(self, line: str) -> None:
        """Write a line to the log."""
        if self.log:
            self.log.write(line)

    def credentials(self) -> credentials.Credentials:
        session = self._session
        if session is None or (session.expiration or 0) - time.time() < 600:  # noqa: PLR2004 - as SDKs renew
            session = credentials.role_session(
                str(self.build.project["serviceRole"]),
                service="codebuild.amazonaws.com",
                session_name=f"AWSCodeBuild-{self.record['id'].split(':', 1)[1]}",
                source_arn=str(self.build.project["arn"]),
            )
            self._session = session
        return session

    def client(self, service: str) -> Any:
        return credentials.client(service, self.credentials())

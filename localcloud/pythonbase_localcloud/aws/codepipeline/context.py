"""What an action gets to work with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pythonbase_localcloud.aws.codebuild.build import Location
from pythonbase_localcloud.aws.iam.credentials import Credentials
from pythonbase_localcloud.aws.settings import Settings


class ActionFailedError(Exception):
    """An action failed; `code` and the text become its error details."""

    def __init__(self, message: str, *, code: str = "JobFailed") -> None:
        super().__init__(message)
        self.code = code


class ActionAbandonedError(Exception):
    """The execution was stopped while the action ran."""


@dataclass(kw_only=True)
class ActionContext:
    """One run of one action."""

    settings: Settings
    pipeline: str
    stage: str
    execution_id: str
    action_execution_id: str
    action: Mapping[str, Any]
    configuration: Mapping[str, str]
    """With variables resolved."""
    session: Credentials
    """The action's role, or the pipeline's."""
    client: Callable[[str], Any]
    """boto3 clients with that session."""
    inputs: Mapping[str, Location]
    output_location: Callable[[str], Location]
    encryption_key: str | None
    source_revision: str
    """Commit of the first source, for the build's CODEBUILD_RESOLVED_SOURCE_VERSION."""
    trigger_revision: Mapping[str, str]
    """What the trigger says this source action should fetch (``CommitId``), and its other variables."""
    abandoned: threading.Event
    result: dict[str, Any] = field(default_factory=dict)
    """``externalExecutionId``, ``externalExecutionSummary``, ``externalExecutionUrl``."""
    token: str = ""
    """Approval token, while an approval waits."""
    approval: Any = None
    outputs: dict[str, Location] = field(default_factory=dict)
    revision: dict[str, str] | None = None
    """Set by a source action: ``revisionId``, ``revisionSummary``, ``revisionUrl``."""

    def put_output(self, name: str, content: bytes) -> None:
        """Write an output artifact with the action's role."""
        location = self.output_location(name)
        encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.encryption_key} if self.encryption_key else {}
        )
        self.client("s3").put_object(Bucket=location.bucket, Key=location.key, Body=content, **encryption)
        self.outputs[name] = location

    def get_input(self, name: str) -> bytes:
        """Read an input artifact with the action's role."""
        location = self.inputs[name]
        body: bytes = self.client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
        return body

    def wait(self, seconds: float) -> None:
        """Wait between polls; raises `ActionAbandonedError` when the execution was stopped."""
        if self.abandoned.wait(seconds):
            raise ActionAbandonedError

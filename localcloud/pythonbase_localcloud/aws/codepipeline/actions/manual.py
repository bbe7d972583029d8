"""Manual approval."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from pythonbase_localcloud.aws.codepipeline.context import ActionContext, ActionFailedError

_TIMEOUT_SECONDS = 7 * 24 * 3600
_POLL_SECONDS = 0.2


@dataclass
class Approval:
    """A decision that somebody is asked for."""

    decided: threading.Event = field(default_factory=threading.Event)
    approved: bool = False
    summary: str = ""
    by: str = ""


def run(context: ActionContext) -> Mapping[str, str]:
    """Wait for PutApprovalResult."""
    context.approval = Approval()
    context.token = str(uuid4())
    waited = 0.0
    while not context.approval.decided.is_set():
        if waited > _TIMEOUT_SECONDS:
            raise ActionFailedError("the approval expired after 7 days", code="Timeout")
        context.wait(_POLL_SECONDS)
        waited += _POLL_SECONDS
    context.token = ""
    context.result.update(externalExecutionSummary=context.approval.summary)
    if not context.approval.approved:
        raise ActionFailedError(f"Rejected by {context.approval.by}: {context.approval.summary}", code="JobFailed")
    return {}

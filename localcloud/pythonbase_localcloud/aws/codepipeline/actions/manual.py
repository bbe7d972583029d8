"""Manual approval."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from pythonbase_localcloud.aws import scope
from pythonbase_localcloud.aws.codepipeline.context import ActionContext, ActionFailedError

_DEFAULT_MINUTES = 7 * 24 * 60
_POLL_SECONDS = 0.2


@dataclass
class Approval:
    """A decision that somebody is asked for."""

    decided: threading.Event = field(default_factory=threading.Event)
    approved: bool = False
    summary: str = ""
    by: str = ""


def run(context: ActionContext) -> Mapping[str, str]:
    """Ask, and wait for PutApprovalResult until `timeoutInMinutes` (7 days) is over.

    The minutes are the local cloud's: ten times shorter unless its time scale says otherwise.
    """
    minutes = int(context.action.get("timeoutInMinutes") or _DEFAULT_MINUTES)
    seconds = 60 * minutes * context.settings.time_scale
    end = time.monotonic() + seconds
    context.approval = Approval()
    context.token = str(uuid4())
    try:
        if context.configuration.get("NotificationArn"):
            _notify(context, expires=time.time() + seconds)
        while not context.approval.decided.is_set():
            if time.monotonic() > end:
                raise ActionFailedError(f"the approval expired: nobody decided within {minutes} minutes")
            context.wait(_POLL_SECONDS)
    finally:
        context.token = ""
    context.result.update(externalExecutionSummary=context.approval.summary)
    if not context.approval.approved:
        raise ActionFailedError(f"Rejected by {context.approval.by}: {context.approval.summary}")
    return {}


def _notify(context: ActionContext, *, expires: float) -> None:
    """Publish the request with the action's role.

    The form: https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html
    """
    name, stage, action = context.pipeline, context.stage, str(context.action["name"])
    view = f"https://console.aws.amazon.com/codepipeline/home?region={scope.region()}#/view/{name}"
    approval = {
        "pipelineName": name,
        "stageName": stage,
        "actionName": action,
        "token": context.token,
        "expires": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(expires)),
        "approvalReviewLink": f"{view}/{stage}/{action}/approve/{context.token}",
        **{
            member: context.configuration[key]
            for key, member in (("ExternalEntityLink", "externalEntityLink"), ("CustomData", "customData"))
            if context.configuration.get(key)
        },
    }
    context.client("sns").publish(
        TopicArn=context.configuration["NotificationArn"],
        Subject=f"APPROVAL NEEDED: AWS CodePipeline {name} for action {action}"[:100],
        Message=json.dumps({"region": scope.region(), "consoleLink": view, "approval": approval}),
    )

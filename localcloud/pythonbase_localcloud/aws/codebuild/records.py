"""Build records as the API shows them."""

from __future__ import annotations

import time
from typing import Any

from pythonbase_localcloud.aws import scope
from pythonbase_localcloud.aws.eventbridge import events

Record = dict[str, Any]
_PRIVATE = "_"


def public(record: Record) -> Record:
    """The record without what only the runner needs."""
    return {key: value for key, value in record.items() if not key.startswith(_PRIVATE)}


class Progress:
    """Phases and status of one build, with the events that AWS emits for them."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def enter(self, phase: str, *, at: float | None = None) -> None:
        """Begin a phase."""
        self.record["phases"].append({"phaseType": phase, "startTime": at or time.time()})
        self.record["currentPhase"] = phase

    def leave(self, *, at: float | None = None, status: str = "SUCCEEDED", code: str = "", message: str = "") -> None:
        """End the current phase; `code` and `message` are its context."""
        phase = self.record["phases"][-1]
        end = at or time.time()
        phase.update(
            endTime=end,
            durationInSeconds=int(end - phase["startTime"]),
            phaseStatus=status,
            contexts=[{"statusCode": code, "message": message}],
        )
        self._event(
            "CodeBuild Build Phase Change",
            {
                "completed-phase": phase["phaseType"],
                "completed-phase-status": status,
                "completed-phase-context": f"[{code}: {message}]" if code else "[]",
                "completed-phase-duration-seconds": phase["durationInSeconds"],
            },
        )

    def running(self) -> bool:
        """Whether a phase has begun and not ended."""
        return bool(self.record["phases"]) and "endTime" not in self.record["phases"][-1]

    def status(self, status: str) -> None:
        """Announce the build's status."""
        self.record["buildStatus"] = status
        self._event("CodeBuild Build State Change", {"build-status": status})

    def complete(self, status: str) -> None:
        """The build is over."""
        if self.running():
            self.leave(status="STOPPED" if status == "STOPPED" else "FAILED")
        now = time.time()
        self.record["phases"].append({"phaseType": "COMPLETED", "startTime": now})
        self.record.update(currentPhase="COMPLETED", endTime=now, buildComplete=True)
        self.status(status)

    def _event(self, detail_type: str, detail: dict[str, Any]) -> None:
        record = self.record
        events.emit(
            "aws.codebuild",
            detail_type,
            {
                "project-name": record["projectName"],
                "build-id": record["arn"],
                "version": "1",
                "build-status": record["buildStatus"],
                "current-phase": record["currentPhase"],
                "current-phase-context": "[]",
                "additional-information": {
                    "build-complete": record["buildComplete"],
                    "initiator": record["initiator"],
                    "build-number": record["buildNumber"],
                    "logs": {
                        "group-name": record["logs"]["groupName"],
                        "stream-name": record["logs"]["streamName"],
                        "deep-link": record["logs"]["deepLink"],
                    },
                    "phases": [
                        {
                            "phase-type": phase["phaseType"],
                            "phase-status": phase.get("phaseStatus", "IN_PROGRESS"),
                            "phase-context": [
                                f"{context['statusCode']}: {context['message']}"
                                for context in phase.get("contexts", [])
                            ],
                        }
                        for phase in record["phases"]
                    ],
                },
                **detail,
            },
            resources=[record["arn"]],
        )


def deep_link(group: str, stream: str) -> str:
    """The console's address of the log, which some scripts print."""
    return (
        f"https://console.aws.amazon.com/cloudwatch/home?region={scope.region()}"
        f"#logsV2:log-groups/log-group/{group.replace('/', '$252F')}/log-events/{stream.replace('/', '$252F')}"
    )

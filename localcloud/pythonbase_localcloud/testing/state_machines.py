"""State machines of one task."""

from __future__ import annotations

import json
from typing import Any

from pythonbase_localcloud.testing.callers import unique, wait_for
from pythonbase_localcloud.testing.cloud import Cloud


class Machine:
    """A state machine of one task."""

    def __init__(self, cloud: Cloud, role: str, **task: Any) -> None:
        self._client = cloud.client("stepfunctions")
        definition = {"StartAt": "Do", "States": {"Do": {"Type": "Task", "End": True, **task}}}
        self.arn = self._client.create_state_machine(name=unique("m"), roleArn=role, definition=json.dumps(definition))[
            "stateMachineArn"
        ]

    def run(self, text: str = "{}") -> dict[str, Any]:
        """The execution once it has ended."""
        arn = self._client.start_execution(stateMachineArn=self.arn, input=text)["executionArn"]

        def over() -> dict[str, Any] | None:
            execution = self._client.describe_execution(executionArn=arn)
            return execution if execution["status"] != "RUNNING" else None

        return wait_for(over)

"""Change sets of CloudFormation, as the CDK CLI uses them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import WaiterError

from pythonbase_localcloud.testing.callers import unique

if TYPE_CHECKING:
    from pythonbase_localcloud.testing.cloud import Cloud


class Stack:
    """A stack with one log group."""

    def __init__(self, cloud: Cloud) -> None:
        self.client = cloud.client("cloudformation")
        self.name = unique("outputs")

    def change_set(self, outputs: dict[str, Any], *, kind: str = "UPDATE") -> dict[str, Any]:
        """Create a change set to these outputs; what describes it."""
        template = {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup"}}, "Outputs": outputs}
        names = {"StackName": self.name, "ChangeSetName": unique("change")}
        self.client.create_change_set(**names, ChangeSetType=kind, TemplateBody=json.dumps(template))
        with contextlib.suppress(WaiterError):  # it ends as FAILED when it is empty
            self.client.get_waiter("change_set_create_complete").wait(**names, WaiterConfig={"Delay": 1})
        return dict(self.client.describe_change_set(**names))

    def execute(self, change_set: dict[str, Any], *, waiter: str) -> dict[str, str]:
        """Execute it; the stack's outputs then."""
        self.client.execute_change_set(StackName=self.name, ChangeSetName=change_set["ChangeSetName"])
        self.client.get_waiter(waiter).wait(StackName=self.name, WaiterConfig={"Delay": 1})
        (stack,) = self.client.describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


@pytest.fixture
def stack(cloud: Cloud) -> Stack:
    made = Stack(cloud)
    made.execute(made.change_set({}, kind="CREATE"), waiter="stack_create_complete")
    return made


def test_an_output_can_be_all_that_changes(stack: Stack) -> None:
    added = stack.change_set({"Name": {"Value": {"Ref": "Logs"}}})
    assert (added["Status"], added["ExecutionStatus"], added["Changes"]) == ("CREATE_COMPLETE", "AVAILABLE", [])
    outputs = stack.execute(added, waiter="stack_update_complete")
    assert stack.name in outputs["Name"]

    removed = stack.change_set({})
    assert stack.execute(removed, waiter="stack_update_complete") == {}


def test_a_change_set_without_changes_cannot_be_executed(stack: Stack) -> None:
    empty = stack.change_set({})
    assert (empty["Status"], empty["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert empty["StatusReason"].startswith("The submitted information didn't contain changes.")

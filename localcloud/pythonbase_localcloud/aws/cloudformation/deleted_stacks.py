"""Deleted stacks, of which MiniStack goes on telling by name. AWS does by id only.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html
"""

from __future__ import annotations

from typing import Any

from pythonbase_localcloud.aws import seams


def install() -> None:
    """Repair what reads resources of a stack by its name."""
    for name in ("DescribeStackResource", "DescribeStackResources", "ListStackResources"):
        _by_name_only_while_it_exists(name)


def _by_name_only_while_it_exists(operation: str) -> None:
    actions = seams.cfn_handlers._ACTION_HANDLERS
    read = actions[operation]

    def call(parameters: Any) -> Any:
        name = seams.cfn_handlers._p(parameters, "StackName")
        stack = seams.cloudformation._stacks.get(name)
        if stack and stack.get("StackStatus") == "DELETE_COMPLETE":
            return seams.cfn_handlers._error("ValidationError", f"Stack with id {name} does not exist")
        return read(parameters)

    actions[operation] = call

"""Change sets that change a stack's outputs only, which MiniStack calls empty.

AWS executes them: this is how an output that another stack begins to read is added to a stack that stays as it is.
"""

from __future__ import annotations

from typing import Any

from pythonbase_localcloud.aws import seams

_EMPTY = "The submitted information didn't contain changes."


def install() -> None:
    """Make such a change set executable; its list of changes stays empty, as on AWS."""
    actions = seams.cfn_handlers._ACTION_HANDLERS
    create = actions["CreateChangeSet"]

    def create_change_set(parameters: Any) -> Any:
        response = create(parameters)
        name, stack_name = (seams.cfn_handlers._p(parameters, key) for key in ("ChangeSetName", "StackName"))
        _, change_set = seams.cfn_changesets._find_change_set(name, stack_name)
        if change_set is not None and change_set["StatusReason"].startswith(_EMPTY) and _outputs_differ(change_set):
            change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")
        return response

    actions["CreateChangeSet"] = create_change_set


def _outputs_differ(change_set: Any) -> bool:
    deployed = seams.cloudformation._stacks[change_set["StackName"]].get("_template") or {}
    return bool(change_set["_template"].get("Outputs", {}) != deployed.get("Outputs", {}))

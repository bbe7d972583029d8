"""What CloudFormation returns for a stack."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from pythonbase_operations.doctor.aws import Aws, code_of


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a stack."""

    logical_id: str
    type: str
    physical_id: str


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack that exists."""

    name: str
    resources: tuple[Resource, ...]

    def physical_ids(self, resource_type: str) -> list[str]:
        """Physical ids of the existing resources of a type."""
        return [item.physical_id for item in self.resources if item.type == resource_type and item.physical_id]


def stack(aws: Aws, name: str) -> Stack | None:
    """A stack with its resources; None if it does not exist."""
    return aws.once(f"stack {name}", lambda: _read(aws, name))


def _read(aws: Aws, name: str) -> Stack | None:
    try:
        listed = list(aws.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name))
    except ClientError as error:
        if code_of(error) == "ValidationError":  # "Stack with id … does not exist"
            return None
        raise
    resources = tuple(
        Resource(
            logical_id=item["LogicalResourceId"],
            type=item["ResourceType"],
            physical_id=item.get("PhysicalResourceId", ""),
        )
        for item in listed
        if item.get("ResourceStatus") != "DELETE_COMPLETE"
    )
    return Stack(name=name, resources=resources)

"""Resources whose name is taken: refused when a stack creates them, adopted when a change set imports them.

MiniStack overwrites repositories and roles that exist, and imports no repositories.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
"""

from __future__ import annotations

from typing import Any

from pythonbase_localcloud.aws import seams

from .types import Properties

_REPOSITORY, _ROLE = "AWS::ECR::Repository", "AWS::IAM::Role"


def _refuse_existing(resource_type: str, name_property: str, existing: Any) -> None:
    handler = seams.provisioners._RESOURCE_HANDLERS[resource_type]
    create = handler["create"]

    def create_new(logical_id: str, properties: Properties, stack_name: str) -> Any:
        name = properties.get(name_property)
        if name and name in existing:
            raise ValueError(f"Resource of type '{resource_type}' with identifier '{name}' already exists.")
        return create(logical_id, properties, stack_name)

    handler["create"] = create_new


def _import_repository(identifier: dict[str, str]) -> tuple[str, dict[str, str]]:
    name = identifier["RepositoryName"]
    repository = seams.ecr._repositories[name]
    return name, {"Arn": repository["repositoryArn"], "RepositoryUri": repository["repositoryUri"]}


def _repository_problem(name: str) -> str | None:
    if name in seams.ecr._repositories:
        return None
    return f"Resource of type '{_REPOSITORY}' with identifier '{name}' was not found."


def install() -> None:
    """Repair the types. After what amends their creation: the name is looked at first."""
    _refuse_existing(_REPOSITORY, "RepositoryName", seams.ecr._repositories)
    _refuse_existing(_ROLE, "RoleName", seams.iam._roles)
    seams.provisioners._RESOURCE_HANDLERS[_REPOSITORY]["import"] = _import_repository
    seams.cfn_changesets._IMPORT_LOOKUPS[_REPOSITORY] = (("RepositoryName",), _repository_problem)

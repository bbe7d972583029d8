"""Reads the roles and policies of a template, for docs/permissions.md. It refuses what it does not understand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pythonbase.permissions.acknowledge import _flatten as as_in_findings
from tests.unit.synthesis import many, short, text

_UNDERSTOOD = {"Action", "Condition", "Effect", "Principal", "Resource", "Sid"}
_OTHER_STACK = re.compile(r"\$\{(\w+):(?:Ref(\w+)|FnGetAtt(\w+?)[0-9A-F]{8}(\w+))\}")
_ASSET = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Wildcard:
    """Something in a statement that stands for more than one thing."""

    text: str
    finding: str
    """Id of cdk-nag's finding of it."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, as text."""

    path: str
    """Construct path of the policy."""
    effect: str
    principals: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[str, ...]
    wildcards: tuple[Wildcard, ...]
    """Only of a statement that allows something. A denial may have any wildcard."""


@dataclass(frozen=True)
class Role:
    """A role with all its policies."""

    logical_id: str
    path: str
    name: str
    description: str
    trust: tuple[Statement, ...]
    statements: tuple[Statement, ...]
    managed_policies: tuple[Wildcard, ...]


@dataclass(frozen=True)
class ResourcePolicy:
    """What a resource says about who may use it."""

    resource: str
    statements: tuple[Statement, ...]


def roles(resources: Mapping[str, Any], paths: Mapping[str, str]) -> list[Role]:
    """The roles of a template.

    Args:
        resources: The template's resources by logical id.
        paths: Construct paths by logical id.
    """
    strange = {body["Type"] for body in resources.values() if body["Type"].startswith("AWS::IAM::")} - {
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
    }
    assert not strange, f"this module knows nothing of {strange}"
    attached: dict[str, list[Statement]] = {}
    for logical_id, body in resources.items():
        if body["Type"] == "AWS::IAM::Policy":
            properties = body["Properties"]
            assert properties.keys() == {"PolicyDocument", "PolicyName", "Roles"}, properties.keys()
            for role in properties["Roles"]:
                attached.setdefault(role["Ref"], []).extend(
                    _statements(properties["PolicyDocument"], paths[logical_id])
                )
    assert attached.keys() <= resources.keys(), "a policy is for a role of another stack"
    return [
        _role(logical_id, body["Properties"], paths[logical_id], attached.get(logical_id, []))
        for logical_id, body in resources.items()
        if body["Type"] == "AWS::IAM::Role"
    ]


def resource_policies(resources: Mapping[str, Any], paths: Mapping[str, str]) -> list[ResourcePolicy]:
    """The policies that resources have, and who may invoke functions.

    Args:
        resources: The template's resources by logical id.
        paths: Construct paths by logical id.
    """
    return [
        ResourcePolicy(resource, tuple(statements))
        for logical_id, body in resources.items()
        for resource, statements in _resource_policies(logical_id, body, paths.get(logical_id, ""))
    ]


def _role(logical_id: str, properties: Mapping[str, Any], path: str, attached: list[Statement]) -> Role:
    assert "PermissionsBoundary" not in properties
    trust = _statements(properties["AssumeRolePolicyDocument"], path)
    assert {(statement.effect, *statement.actions) for statement in trust} == {("Allow", "sts:AssumeRole")}
    inline = [
        statement
        for policy in properties.get("Policies", [])
        for statement in _statements(policy["PolicyDocument"], path)
    ]
    return Role(
        logical_id=short(logical_id),
        path=path.removesuffix("/Resource"),
        name=readable(properties.get("RoleName", "")),
        description=properties.get("Description", ""),
        trust=tuple(trust),
        statements=(*inline, *attached),
        managed_policies=tuple(
            Wildcard(readable(arn), f"AwsSolutions-IAM4[Policy::{as_in_findings(arn)}]")
            for arn in properties.get("ManagedPolicyArns", [])
        ),
    )


def _resource_policies(logical_id: str, body: Mapping[str, Any], path: str) -> Iterator[tuple[str, list[Statement]]]:
    properties = body.get("Properties", {})
    if body["Type"] == "AWS::Lambda::Permission":
        assert properties.keys() == {"Action", "FunctionName", "Principal", "SourceArn"}, properties.keys()
        condition = {"ArnLike": {"aws:SourceArn": properties["SourceArn"]}}
        principal = {"Service": properties["Principal"]}
        statement = {"Effect": "Allow", "Action": properties["Action"], "Principal": principal, "Condition": condition}
        yield readable(properties["FunctionName"]), [_statement(statement, path)]
    elif not body["Type"].startswith("AWS::IAM::"):
        # A bucket's policy is a resource of its own, which names the bucket.
        resource = readable(properties.get("Bucket", {"Ref": logical_id}))
        for document in properties.values():
            if isinstance(document, dict) and "Statement" in document:
                yield resource, _statements(document, path)


def _statements(document: Mapping[str, Any], path: str) -> list[Statement]:
    return [_statement(statement, path) for statement in many(document["Statement"])]


def _statement(statement: Mapping[str, Any], path: str) -> Statement:
    assert statement.keys() <= _UNDERSTOOD, statement.keys()
    actions, resources = many(statement["Action"]), many(statement.get("Resource", []))
    principals = [text for values in _principals(statement) for text in map(readable, many(values))]
    return Statement(
        path=path,
        effect=statement["Effect"],
        principals=tuple(principals),
        actions=tuple(actions),
        resources=tuple(map(readable, resources)),
        conditions=tuple(_conditions(statement.get("Condition", {}))),
        wildcards=()
        if statement["Effect"] == "Deny"
        else (
            *_wildcards("Principal", principals),
            *_wildcards("Action", actions),
            *_wildcards("Resource", resources),
        ),
    )


def _principals(statement: Mapping[str, Any]) -> list[Any]:
    principal = statement.get("Principal", {})
    return [principal] if isinstance(principal, str) else [*principal.values()]


def _conditions(condition: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for operator, keys in condition.items():
        for key, values in keys.items():
            yield f"`{key}` {operator} {', '.join(f'`{readable(value)}`' for value in many(values))}"


def _wildcards(kind: str, values: list[Any]) -> Iterator[Wildcard]:
    for value in values:
        if re.search(r"[*?]", readable(value)):
            yield Wildcard(readable(value), f"AwsSolutions-IAM5[{kind}::{as_in_findings(value)}]")


def readable(value: Any) -> str:
    """A value as `text` writes it, without what changes with the sources of functions and images.

    Outputs of other stacks are `${Stack:Id}` and `${Stack:Id.Attribute}`.
    """
    found = text(value)
    found = _OTHER_STACK.sub(lambda match: f"${{{match[1]}:{match[2] or f'{match[3]}.{match[4]}'}}}", found)
    return _ASSET.sub("<hash of the sources>", found)

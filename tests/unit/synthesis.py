"""Templates of constructs and of the application, and what their roles may do, for the unit tests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, Environment, FileSystem, Stack
from aws_cdk.assertions import Template

from pythonbase_buildspecs import Buildspec
from pythonbase_settings import Settings, with_prefix
from stacks.platform import add_platform

ROOT = Path(__file__).parents[2]
IMAGE_FOLDER = ROOT / "images" / "pythonbase"
ACCOUNT, REGION = "111122223333", "eu-central-1"
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/11111111-2222-3333-4444-555555555555"
CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]

ECR_HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.${{AWS::URLSuffix}}"
"""The account's registry as `text` writes it."""

SETTINGS: dict[str, Any] = {
    "environment": {"account": ACCOUNT, "region": REGION},
    "bitbucket": {"connection_arn": CONNECTION},
    "services": [{"name": "orders", "repository": "acme/orders", "branch": "release", "port": 8000}],
}
"""One base image and one service on an existing connection."""

_HASH = re.compile(r"[0-9A-F]{8}$")


def new_stack(stack_id: str = "Test") -> Stack:
    """A stack of a new app with the flags of cdk.json. After its first template the app must not grow."""
    return Stack(App(context=CONTEXT), stack_id, env=Environment(account=ACCOUNT, region=REGION))


def new_platform(settings: Mapping[str, Any]) -> App:
    """The whole application for these settings, as if they were in the platform.yaml of this repository."""
    app = App(context=CONTEXT)
    model = with_prefix(Settings.model_validate(settings))
    add_platform(app, model, config=ROOT / "platform.yaml", env=Environment(account=ACCOUNT, region=REGION))
    return app


def platform_stacks(app: App) -> dict[str, Stack]:
    """The application's stacks by their ids."""
    return {child.node.id: child for child in app.node.children if isinstance(child, Stack)}


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    logical_id: str
    body: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties; empty if it has none."""
        properties: Mapping[str, Any] = self.body.get("Properties", {})
        return properties

    @property
    def depends_on(self) -> set[str]:
        """Logical ids, without hashes, of the resources that it waits for explicitly."""
        return {short(logical_id) for logical_id in self.body.get("DependsOn", [])}


def resources(template: Template, resource_type: str) -> dict[str, Resource]:
    """All resources of the type by logical id without hash."""
    found = template.find_resources(resource_type)
    return {short(logical_id): Resource(logical_id, body) for logical_id, body in found.items()}


def only(template: Template, resource_type: str) -> Resource:
    """The one resource of the type."""
    found = list(resources(template, resource_type).values())
    assert len(found) == 1, f"{len(found)} of {resource_type}: {[item.logical_id for item in found]}"
    return found[0]


def short(logical_id: str) -> str:
    """A logical id without the hash that CDK appends."""
    return _HASH.sub("", logical_id)


def text(value: Any) -> str:
    """A value of a template as readable text: references are `${Id}`, attributes `${Id.Attribute}`.

    A part of a reference is written as in Python: `${Id.split("/")[1]}`.
    """
    match value:
        case (str() as plain) | {"Fn::Sub": str() as plain}:
            return plain
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text(part) for part in parts)
    reference = _reference(value)
    return f"${{{reference}}}" if reference else json.dumps(value, sort_keys=True)


def _reference(value: Any) -> str | None:
    match value:
        case {"Ref": str() as name}:
            return short(name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{short(name)}.{attribute}"
        case {"Fn::GetStackOutput": {"StackName": stack, "OutputName": output}}:
            return f"{stack}:{short(output.removeprefix('PublishOutput'))}"
        case {"Fn::Select": [index, {"Fn::Split": [separator, {"Ref": str() as name}]}]}:
            return f'{short(name)}.split("{separator}")[{index}]'
    return None


Allowed = dict[str, set[str]]
"""What a role may do: action to resources. A condition is appended to the resource: ` if <condition>`."""


def allowed(template: Template, role: str) -> Allowed:
    """Everything that a role may do. Fails for what this function does not understand, so that nothing hides.

    Args:
        template: The template with the role.
        role: Logical id of the role without hash.
    """
    body = resources(template, "AWS::IAM::Role")[role]
    assert not body.properties.get("ManagedPolicyArns"), f"{role} has managed policies"
    statements = [s for policy in body.properties.get("Policies", []) for s in policy["PolicyDocument"]["Statement"]]
    for policy in resources(template, "AWS::IAM::Policy").values():
        if {"Ref": body.logical_id} in policy.properties["Roles"]:
            statements += policy.properties["PolicyDocument"]["Statement"]
    result: Allowed = {}
    for statement in statements:
        assert statement.keys() <= {"Action", "Resource", "Effect", "Condition", "Sid"}, statement
        if statement["Effect"] == "Deny":
            continue  # it only denies; tested where it is used
        assert statement["Effect"] == "Allow", statement
        condition = f" if {text(statement['Condition'])}" if "Condition" in statement else ""
        for action in many(statement["Action"]):
            result.setdefault(action, set()).update(text(item) + condition for item in many(statement["Resource"]))
    return result


PUBLIC_TOKEN = '* if {"StringEquals": {"sts:AWSServiceName": "ecr-public.amazonaws.com"}}'  # noqa: S105 - a statement
"""Where a token of ECR Public may be had, as `allowed` writes it."""


def may(rights: Allowed, action: str) -> bool:
    """Whether any statement allows the action on anything, wildcards included."""
    return any(re.fullmatch(_wildcard(granted), action, re.IGNORECASE) for granted in rights)


def trusted_by(template: Template, role: str) -> list[str]:
    """Who may assume a role."""
    document = resources(template, "AWS::IAM::Role")[role].properties["AssumeRolePolicyDocument"]
    return [text(next(iter(statement["Principal"].values()))) for statement in document["Statement"]]


def many(value: Any) -> list[Any]:
    """A value of a policy as a list, also if it is a single one."""
    return value if isinstance(value, list) else [value]


def environment(project: Resource) -> dict[str, str]:
    """Environment variables of a CodeBuild project; fails if one is not plain text."""
    variables = project.properties["Environment"]["EnvironmentVariables"]
    assert {variable["Type"] for variable in variables} == {"PLAINTEXT"}
    return {variable["Name"]: text(variable["Value"]) for variable in variables}


def script_arn(project: Resource) -> str:
    """ARN of the object with the script of a CodeBuild project's build."""
    return environment(project)["BUILD_SCRIPT"].replace("s3://", "arn:aws:s3:::")


def script_hash(buildspec: Buildspec) -> str:
    """The hash that the CDK library gives a file with the buildspec's script."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "build.sh"
        file.write_text(buildspec.script, encoding="utf-8")
        return FileSystem.fingerprint(str(file))


def _wildcard(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")

"""docs/permissions.md is up to date with the templates, and gives a reason for every wildcard."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest

from tests.pages.everything import Synthesized, synthesize
from tests.pages.permissions import PAGE, PermissionsError, page
from tests.pages.wildcard_reasons import TABLE, Unreported
from tests.unit.acknowledgements import Acknowledged, objection
from tests.unit.synthesis import ROOT, short

Everything = tuple[list[Synthesized], dict[Acknowledged, str]]

OBJECTS = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::loot/*"]]}
ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::loot/object"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def everything() -> Everything:
    return synthesize()


@pytest.fixture(scope="module")
def text(everything: Everything) -> str:
    """The page; a wildcard without a reason raises here."""
    return page(*everything)


def _with(
    everything: Everything,
    statement: Mapping[str, Any],
    *,
    stack: str = "BuildStatus",
    of: tuple[str, str] = ("AWS::IAM::Policy", "PolicyDocument"),
) -> Everything:
    """One statement more: in the first policy or, with `of`, other document of a stack."""
    changed = next(item for item in everything[0] if item.name == stack)
    resources = deepcopy(changed.resources)
    body = next(body for body in resources.values() if body["Type"] == of[0])
    body["Properties"][of[1]]["Statement"].append(statement)
    stacks = [replace(item, resources=resources) if item is changed else item for item in everything[0]]
    return stacks, everything[1]


def test_the_page_is_up_to_date(text: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == text, "run: make docs"


def test_every_role_is_on_the_page(everything: Everything, text: str) -> None:
    roles = {
        short(logical_id)
        for stack in everything[0]
        for logical_id, body in stack.resources.items()
        if body["Type"] == "AWS::IAM::Role"
    }
    assert set(re.findall("^### (.*)$", text, re.MULTILINE)) == roles


def test_every_wildcard_has_a_reason(text: str) -> None:
    wide = [line for line in text.splitlines() if line.startswith("- Allow") and re.search(r"[*?]", line)]
    assert wide
    assert [line for line in wide if "`: " not in line] == []


def test_the_page_has_nothing_of_this_machine_and_no_hash_of_sources(text: str) -> None:
    assert str(ROOT) not in text
    assert not re.search(r"\b[0-9a-f]{32,}\b", text)


def test_every_reason_of_the_table_can_be_checked() -> None:
    assert {item: objection(item.reason) for item in TABLE.unreported if objection(item.reason)} == {}


@pytest.mark.parametrize("needed", TABLE.unreported, ids=lambda item: f"{item.action} on {item.wildcard}")
def test_a_wildcard_without_its_reason_is_reported(everything: Everything, needed: Unreported) -> None:
    with pytest.raises(PermissionsError, match=f"{re.escape(needed.action)} on .* has no reason"):
        page(*everything, replace(TABLE, unreported=tuple(item for item in TABLE.unreported if item is not needed)))


def test_aws_has_no_resources_for_what_may_be_done_on_everything() -> None:
    # AWS's service authorization reference, from the package cfn-lint.
    reference = json.loads((files("cfnlint") / "data/AdditionalSpecs/Policies.json").read_text(encoding="utf-8"))
    resources = {}
    for action in TABLE.unlimited:
        service, name = action.split(":")
        resources[action] = reference[service]["Actions"][name.lower()].get("Resources")
    assert {action: found for action, found in resources.items() if found} == {
        "cloudwatch:PutMetricData": ["dataset"],  # no metric
        "ecs:ListTasks": ["container-instance"],  # Fargate has none
    }


@pytest.mark.parametrize(
    ("action", "resource"), [("cloudwatch:PutMetricData", "dataset"), ("ecs:ListTasks", "container instance")]
)
def test_a_reason_names_the_resource_to_which_aws_could_limit_an_action(text: str, action: str, resource: str) -> None:
    reasons = [line.partition("`: ")[2] for line in text.splitlines() if f"`{action}` on `*`" in line]
    assert reasons
    assert [reason for reason in reasons if resource not in reason] == []


@pytest.mark.parametrize("needed", TABLE.unlimited)
def test_an_action_that_can_be_limited_is_reported_on_everything(everything: Everything, needed: str) -> None:
    with pytest.raises(PermissionsError, match=rf"{needed}.* on \* has no reason"):
        page(*everything, replace(TABLE, unlimited=tuple(item for item in TABLE.unlimited if item != needed)))


def test_a_reason_that_nothing_needs_is_reported(everything: Everything) -> None:
    stale = Unreported(".*", "s3:DeleteObject", ".*", "the bucket of this test never gets an object")
    with pytest.raises(PermissionsError, match=r"^nothing needs the reason for s3:DeleteObject on \.\*$"):
        page(*everything, replace(TABLE, unreported=(*TABLE.unreported, stale)))


def test_an_action_that_nothing_may_do_on_everything_is_reported(everything: Everything) -> None:
    with pytest.raises(PermissionsError, match=r"^nothing may s3:ListAllMyBuckets on everything$"):
        page(*everything, replace(TABLE, unlimited=(*TABLE.unlimited, "s3:ListAllMyBuckets")))


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"Resource": "*"}, "s3:GetObject on *"),
        ({"Resource": ["arn:aws:s3:::one/object", OBJECTS]}, "s3:GetObject on arn:${AWS::Partition}:s3:::loot/*"),
        ({"Resource": "arn:aws:s3:::loot/object-?"}, "s3:GetObject on arn:aws:s3:::loot/object-?"),
        ({"Action": ["s3:Get*", "s3:PutObject"]}, "s3:Get*, s3:PutObject on s3:Get*"),
        ({"Action": "*", "Resource": "*"}, "* on *"),
        # Another action has a reason for these.
        ({"Resource": "arn:aws:secretsmanager:::secret:x-??????"}, "on arn:aws:secretsmanager:::secret:x-??????"),
        ({"Action": "secretsmanager:GetSecretValue", "Resource": "*"}, "secretsmanager:GetSecretValue on *"),
    ],
)
def test_a_new_wildcard_is_reported(everything: Everything, changes: Mapping[str, Any], reported: str) -> None:
    with pytest.raises(PermissionsError, match=f"^BuildStatus/Statuses/Role/.*{re.escape(reported)} has no reason$"):
        page(*_with(everything, {**ALLOW, **changes}))


def test_an_acknowledgement_for_one_action_on_everything_excuses_no_other(everything: Everything) -> None:
    with pytest.raises(PermissionsError, match=r"^Api/Service/ExecutionRole/.*: s3:GetObject on \* has no reason$"):
        page(*_with(everything, {**ALLOW, "Resource": "*"}, stack="Api"))


def test_trust_in_everybody_is_reported(everything: Everything) -> None:
    trust = ("AWS::IAM::Role", "AssumeRolePolicyDocument")
    with pytest.raises(PermissionsError, match=r"^BuildStatus/Statuses/Role.*: sts:AssumeRole on \* has no reason$"):
        page(*_with(everything, {**TRUST, "Principal": {"AWS": "*"}}, of=trust))


def test_a_resource_that_everybody_may_use_is_reported(everything: Everything) -> None:
    policy = ("AWS::ECR::Repository", "RepositoryPolicyText")
    statement = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Principal": "*"}
    with pytest.raises(PermissionsError, match=r"^OrdersState/.*: ecr:BatchGetImage on \* has no reason$"):
        page(*_with(everything, statement, stack="OrdersState", of=policy))


def test_a_denial_may_have_any_wildcard(everything: Everything) -> None:
    denied = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    assert "- Deny `s3:*` on `*`\n" in page(*_with(everything, denied))


def test_a_statement_that_only_one_stack_has_is_on_the_page(everything: Everything, text: str) -> None:
    more = page(*_with(everything, ALLOW, stack="OrdersStaging"))
    assert "In `OrdersStaging`." in more
    assert "In `OrdersStaging`." not in text
    assert f"- Allow `{ALLOW['Action']}` on `{ALLOW['Resource']}`\n" in more


@pytest.mark.parametrize(
    "statement", [{"NotAction": "s3:GetObject", "Resource": "*"}, {"Action": "s3:GetObject", "NotResource": "*"}]
)
def test_a_statement_that_is_not_understood_is_refused(everything: Everything, statement: Mapping[str, str]) -> None:
    with pytest.raises(AssertionError, match=r"NotAction|NotResource"):
        page(*_with(everything, {"Effect": "Allow", **statement}))


def test_what_else_may_have_permissions_is_refused(everything: Everything) -> None:
    stacks, acknowledged = everything
    user = replace(stacks[0], resources={"User": {"Type": "AWS::IAM::User"}})
    with pytest.raises(AssertionError, match="AWS::IAM::User"):
        page([user], acknowledged)

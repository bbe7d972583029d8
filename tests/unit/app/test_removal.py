"""Two keys to delete state: the setting and the flag. With only one, everything is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Annotations, Match, Template
from cdk_nag import AwsSolutionsChecks

from pythonbase_settings import Settings, SettingsError, load_settings
from stacks.platform import add_platform
from stacks.removal import RemovalError
from tests.unit.application import Application, copy_of_the_repository
from tests.unit.synthesis import ACCOUNT, CONTEXT, REGION, ROOT, allowed, platform_stacks, resources

ORDERS: dict[str, Any] = {"name": "orders", "repository": "acme/orders"}
BILLING: dict[str, Any] = {"name": "billing", "repository": "acme/billing"}
EVERYTHING: dict[str, Any] = {
    "bitbucket": {"destroy": True},
    "base_images": [{"name": "pythonbase", "destroy": True}],
    "services": [{**ORDERS, "destroy": True}],
}
STATEFUL = {
    "AWS::ECR::Repository",
    "Custom::ParameterPutOnce",
    "AWS::S3::Bucket",
    "AWS::Logs::LogGroup",
    "AWS::CodeConnections::Connection",
}


def _stacks(settings: Mapping[str, Any], destroy: str | None = None) -> dict[str, Stack]:
    app = App(context=CONTEXT | ({"destroy": destroy} if destroy is not None else {}))
    add_platform(
        app,
        Settings.model_validate(settings),
        config=ROOT / "platform.yaml",
        env=Environment(account=ACCOUNT, region=REGION),
    )
    return platform_stacks(app)


def _fates(stack: Stack) -> set[str]:
    """What happens to the stack's state when the stack is deleted."""
    found = Template.from_stack(stack).to_json()["Resources"].values()
    return {body["DeletionPolicy"] for body in found if body["Type"] in STATEFUL}


@pytest.fixture(scope="module")
def destroyed() -> dict[str, Stack]:
    """Orders with both keys, billing with none."""
    return _stacks({"services": [{**ORDERS, "destroy": True}, BILLING]}, "orders")


@pytest.fixture(scope="module")
def marked() -> dict[str, Stack]:
    """Everything marked, no flag."""
    return _stacks(EVERYTHING)


def test_with_both_keys_the_state_is_deleted_with_its_stacks(destroyed: dict[str, Stack]) -> None:
    for name in ("Orders", "OrdersState"):
        assert _fates(destroyed[name]) == {"Delete"}, name
        assert not destroyed[name].termination_protection


def test_a_repository_is_emptied_and_a_bucket_too_because_only_empty_ones_can_be_deleted(
    destroyed: dict[str, Stack],
) -> None:
    (repository,) = resources(Template.from_stack(destroyed["OrdersState"]), "AWS::ECR::Repository").values()
    assert repository.properties["EmptyOnDelete"] is True
    template = Template.from_stack(destroyed["Orders"])
    (bucket,) = resources(template, "AWS::S3::Bucket").values()
    template.has_resource_properties("Custom::S3AutoDeleteObjects", {"BucketName": {"Ref": bucket.logical_id}})


def test_the_record_is_deleted_with_both_keys_only(destroyed: dict[str, Stack]) -> None:
    calls = {
        name: [item.properties.get("Delete") for item in resources(template, "Custom::ParameterPutOnce").values()]
        for name in ("OrdersState", "BillingState")
        for template in (Template.from_stack(destroyed[name]),)
    }
    assert calls["BillingState"] == [None] * 3
    assert all(json.loads(str(call))["action"] == "DeleteParameter" for call in calls["OrdersState"])
    may_delete = {
        name: "ssm:DeleteParameter" in allowed(Template.from_stack(destroyed[name]), "ReleaseRecordRole")
        for name in calls
    }
    assert may_delete == {"OrdersState": True, "BillingState": False}


def test_state_without_both_keys_is_kept(destroyed: dict[str, Stack]) -> None:
    # The log of a helper function is not state.
    assert _fates(destroyed["BillingState"]) == {"RetainExceptOnCreate", "Delete"}
    assert "RetainExceptOnCreate" in _fates(destroyed["Pythonbase"])
    assert _fates(destroyed["Bitbucket"]) == {"RetainExceptOnCreate"}
    assert destroyed["BillingState"].termination_protection
    assert destroyed["Bitbucket"].termination_protection
    assert not Template.from_stack(destroyed["Billing"]).find_resources("Custom::S3AutoDeleteObjects")


def test_the_setting_alone_changes_no_template(marked: dict[str, Stack]) -> None:
    unmarked = _stacks({"services": [ORDERS]})
    assert marked.keys() == unmarked.keys()
    for name, stack in marked.items():
        assert Template.from_stack(stack).to_json() == Template.from_stack(unmarked[name]).to_json(), name
        assert stack.termination_protection == unmarked[name].termination_protection


def test_the_setting_alone_warns_and_names_the_other_key(marked: dict[str, Stack]) -> None:
    for stack, name in (
        ("Orders", "orders"), ("OrdersState", "orders"), ("Pythonbase", "pythonbase"), ("Bitbucket", "bitbucket")
    ):  # fmt: skip
        Annotations.from_stack(marked[stack]).has_warning("*", Match.string_like_regexp(f"-c destroy={name} "))
    Annotations.from_stack(marked["Network"]).has_no_warning("*", Match.string_like_regexp("destroy"))


def test_the_flag_alone_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(RemovalError, match=r"got 'orders', which the settings keep.*services\[1\]\.destroy: true"):
        _stacks({"services": [BILLING, ORDERS]}, "orders")
    with pytest.raises(RemovalError, match=r"base_images\[0\]\.destroy: true") as caught:
        _stacks({"services": [ORDERS]}, "pythonbase, bitbucket")
    assert "bitbucket.destroy: true" in str(caught.value)


@pytest.mark.parametrize("flag", ["ordres", "true", "*", "network"])
def test_a_flag_that_names_nothing_is_an_error_with_what_there_is(flag: str) -> None:
    with pytest.raises(RemovalError, match=r"use one of bitbucket, orders, pythonbase"):
        _stacks({"services": [{**ORDERS, "destroy": True}]}, flag)


def test_everything_can_be_deleted_at_once() -> None:
    stacks = _stacks(EVERYTHING, "orders, pythonbase,bitbucket")
    for name, stack in stacks.items():
        kept = [
            logical_id
            for logical_id, body in Template.from_stack(stack).to_json()["Resources"].items()
            if str(body.get("DeletionPolicy", "")).startswith("Retain")
        ]
        assert kept == [], name
        assert not stack.termination_protection


def test_what_the_removal_adds_passes_the_checks() -> None:
    app = App(context=CONTEXT | {"destroy": "orders,pythonbase,bitbucket"})
    add_platform(
        app,
        Settings.model_validate(EVERYTHING),
        config=ROOT / "platform.yaml",
        env=Environment(account=ACCOUNT, region=REGION),
    )
    app.synth()  # raises on findings of cdk-nag and of the Docker Hub check
    assert AwsSolutionsChecks(app).validate_scope(app).success


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (
            "bitbucket:\n  destroy: true\nservices:\n  - {name: orders, repository: acme/orders}\n",
            "platform.yaml:2: bitbucket.destroy: got true; remove it, or set services[0].destroy too: "
            "the service's pipeline needs the connection",
        ),
        (
            "base_images:\n  - name: pythonbase\n    destroy: true\nservices:\n"
            "  - {name: orders, repository: acme/orders}\n",
            "platform.yaml:3: base_images[0].destroy: got true; remove it, or set services[0].destroy too: "
            "the service is built on pythonbase",
        ),
        (
            "bitbucket:\n  destroy: true\n  connection_arn: arn:aws:codeconnections:eu-central-1:111122223333:"
            "connection/aEXAMPLE\n",
            "platform.yaml:2: bitbucket.destroy: got true; remove it: bitbucket.connection_arn names a connection that "
            "this application does not own",
        ),
        (
            'services:\n  - {name: orders, repository: acme/orders, destroy: "yes"}\n',
            'platform.yaml:2: services[0].destroy: got "yes"; use true or false, without quotes',
        ),
        (
            "services:\n  - {name: orders, repository: acme/orders, destroy: yes}\n",
            "platform.yaml:2: services[0].destroy: got yes; use true or false, without quotes",
        ),
    ],
)
def test_resources_that_others_need_cannot_be_marked(
    text: str, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images/pythonbase").mkdir(parents=True)
    Path("images/pythonbase/Dockerfile").touch()
    Path("platform.yaml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(Path("platform.yaml"))
    assert str(caught.value) == fix


def test_the_stack_of_a_service_says_what_deleting_it_leaves(marked: dict[str, Stack]) -> None:
    description = Template.from_stack(marked["Orders"]).to_json()["Description"]
    left = "leaves the images and releases (stack OrdersState), the logs and the pipeline's artifacts"
    assert description.endswith(left)


def test_the_stack_of_an_environment_says_what_deleting_it_leaves() -> None:
    stacks = _stacks({"services": [{**ORDERS, "environments": [{"name": "staging"}]}]})
    description = Template.from_stack(stacks["OrdersStaging"]).to_json()["Description"]
    left = "leaves the images (stack OrdersState), the releases (stack OrdersStagingState) and the logs"
    assert description.endswith(left)
    owned = Template.from_stack(stacks["OrdersState"]), Template.from_stack(stacks["OrdersStagingState"])
    for template, kinds in zip(owned, ("AWS::ECR::Repository", "Custom::ParameterPutOnce"), strict=True):
        assert resources(template, kinds)


def test_the_command_ends_with_the_message_and_synthesizes_nothing(tmp_path: Path) -> None:
    application = Application(copy_of_the_repository(tmp_path / "repository"))
    code, stdout, stderr = application.start(tmp_path / "out", destroy="hello").result()
    assert (code, stdout) == (1, "")
    assert "services[0].destroy: true" in stderr
    assert "Traceback" not in stderr
    assert list((tmp_path / "out").iterdir()) == []


SPREAD: dict[str, Any] = {
    "environment": {"account": ACCOUNT, "region": REGION},
    "services": [{**ORDERS, "environments": [{"name": "us"}, {"name": "east"}]}],
}
NAT = {"region": "us-east-1", "network": {"nat_gateways": 1}}


def _in_us(*marked: str) -> dict[str, Any]:
    places = [{"name": name, **NAT, **({"destroy": True} if name in marked else {})} for name in ("us", "east")]
    return {**SPREAD, "environments": places}


@pytest.mark.parametrize(
    ("marked", "flag", "fate"),
    [
        ([], None, "RetainExceptOnCreate"),
        (["us", "east"], None, "RetainExceptOnCreate"),
        (["us", "east"], "artifacts-us-east-1", "Delete"),
    ],
)
def test_the_bucket_of_another_region_is_deleted_with_both_keys_of_all_its_environments(
    marked: list[str], flag: str | None, fate: str
) -> None:
    assert _fates(_stacks(_in_us(*marked), flag)["ArtifactsUsEast1"]) == {fate}


def test_the_bucket_of_another_region_stays_while_one_environment_there_keeps_it() -> None:
    with pytest.raises(RemovalError, match=r"the other key is environments\[1\]\.destroy: true"):
        _stacks(_in_us("us"), "artifacts-us-east-1")

"""What a service has released: names, repository and parameters that outlive its other stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase import BaseImage, ReleaseNames, ReleaseRepository, ReleaseState
from pythonbase.images.repository import PULL_ACTIONS
from tests.unit.synthesis import REGION, Resource, allowed, new_stack, only, resources, text

OTHER_ACCOUNT = "999988887777"
PUT_ONCE = "Custom::ParameterPutOnce"


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    base = BaseImage.from_registry(account=OTHER_ACCOUNT, region=REGION, name="pythonbase")
    ReleaseState(stack, "Release", service_name="orders", base_image=base)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def parameters(template: Template) -> dict[str, Resource]:
    return resources(template, PUT_ONCE)


def _call(parameter: Resource, event: str) -> Mapping[str, Any]:
    """What the custom resource calls at an event, tokens as text."""
    return dict(json.loads(text(parameter.properties[event])))


def test_the_parameters_have_the_names_that_pipeline_and_service_use(parameters: dict[str, Resource]) -> None:
    names = {short_id: _call(parameter, "Create")["parameters"]["Name"] for short_id, parameter in parameters.items()}
    assert names == {
        "ReleaseRecordImage": "/pythonbase/services/orders/image",
        "ReleaseRecordBaseImage": "/pythonbase/services/orders/base-image",
        "ReleaseRecordRelease": "/pythonbase/services/orders/release",
    }


def test_no_event_writes_over_what_is_there(parameters: dict[str, Resource]) -> None:
    for parameter in parameters.values():
        assert parameter.properties.keys() & {"Create", "Update", "Delete"} == {"Create", "Update"}
        for event in ("Create", "Update"):
            call = _call(parameter, event)
            assert (call["service"], call["action"]) == ("SSM", "PutParameter")
            assert call["ignoreErrorCodesMatching"] == "ParameterAlreadyExists"
            assert not call["parameters"].get("Overwrite")
            assert call["physicalResourceId"] == {"id": call["parameters"]["Name"]}


def test_who_puts_them_may_do_nothing_else(template: Template) -> None:
    rights = allowed(template, "ReleaseRecordRole")
    assert rights.keys() == {"ssm:PutParameter", "logs:CreateLogStream", "logs:PutLogEvents"}
    prefix = f"arn:aws:ssm:{REGION}:111122223333:parameter/pythonbase/services/orders/"
    assert rights["ssm:PutParameter"] == {f"{prefix}{name}" for name in ("image", "base-image", "release")}


def test_they_start_with_the_moving_tag_of_the_base_image(parameters: dict[str, Resource]) -> None:
    moving = f"{OTHER_ACCOUNT}.dkr.ecr.{REGION}.${{AWS::URLSuffix}}/pythonbase:latest"
    values = {short_id: _call(parameter, "Create")["parameters"]["Value"] for short_id, parameter in parameters.items()}
    assert values == {
        "ReleaseRecordImage": moving,
        "ReleaseRecordBaseImage": moving,
        "ReleaseRecordRelease": f'{{"image":"{moving}","why":"before the first release"}}',
    }


def test_the_parameters_and_the_repository_survive_their_stack(
    template: Template, parameters: dict[str, Resource]
) -> None:
    kept = [only(template, "AWS::ECR::Repository"), *parameters.values()]
    assert [(item.body["DeletionPolicy"], item.body["UpdateReplacePolicy"]) for item in kept] == [
        ("RetainExceptOnCreate", "Retain")
    ] * 4


def test_only_the_tags_that_keep_released_images_can_move(template: Template) -> None:
    properties = only(template, "AWS::ECR::Repository").properties
    assert (properties["RepositoryName"], properties["ImageTagMutability"]) == ("orders", "IMMUTABLE_WITH_EXCLUSION")
    assert properties["ImageTagMutabilityExclusionFilters"] == [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "release-*"}
    ]


def test_nothing_else_is_kept_in_this_stack(template: Template) -> None:
    kinds = {body["Type"] for body in template.to_json()["Resources"].values()}
    helpers = {"AWS::Lambda::Function", "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Logs::LogGroup"}
    assert kinds == {"AWS::ECR::Repository", PUT_ONCE} | helpers
    assert "Outputs" not in template.to_json(), (
        "other stacks find these by name, an export would lock the stacks together"
    )


@pytest.mark.parametrize(
    "name",
    ["", "Orders", "1orders", "orders-", "-orders", "orders--api", "orders_api", "orders/api", "orders\n", "é", "a b"],
)
def test_a_service_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="service_name must be lower case words joined by hyphens, got"):
        ReleaseNames(name)


@pytest.mark.parametrize("name", ["o", "orders", "orders-api-2", "o2-3"])
def test_lower_case_words_joined_by_hyphens_are_a_service_name(name: str) -> None:
    assert ReleaseNames(name).repository_name == name


def test_two_services_share_no_physical_name() -> None:
    one, other = (
        {names.repository_name, names.image_parameter, names.base_image_parameter}
        for names in (ReleaseNames("orders"), ReleaseNames("orders-api"))
    )
    assert not one & other


def test_an_environment_has_names_of_its_own_and_shares_images_and_pipeline() -> None:
    plain, staging = ReleaseNames("orders"), ReleaseNames("orders", "staging")
    assert (staging.repository_name, staging.pipeline_name) == (plain.repository_name, plain.pipeline_name)
    assert (staging.deployed_name, plain.deployed_name) == ("orders-staging", "orders")
    assert staging.image_parameter == "/pythonbase/services/orders/staging/image"
    assert (staging.ring_tag_prefix, plain.ring_tag_prefix) == ("release-staging-", "release-")
    assert staging.state_machine_name == "orders-staging-release"


def test_an_environments_name_is_checked_like_a_services() -> None:
    with pytest.raises(ValueError, match="environment_name must be lower case words joined by hyphens, got 'Staging'"):
        ReleaseNames("orders", "Staging")


def test_with_environments_the_repository_keeps_its_id_and_lets_their_accounts_pull() -> None:
    stack = new_stack()
    ReleaseRepository(
        stack,
        "Release",
        service_name="orders",
        pull_accounts=[OTHER_ACCOUNT],
        released_from=[(OTHER_ACCOUNT, ReleaseNames("orders", "staging"))],
    )
    repository = only(Template.from_stack(stack), "AWS::ECR::Repository")
    assert repository.logical_id.startswith("ReleaseRepository")
    pull, tag = repository.properties["RepositoryPolicyText"]["Statement"]
    for statement in (pull, tag):
        assert text(statement["Principal"]["AWS"]) == f"arn:aws:iam::{OTHER_ACCOUNT}:root"
    assert set(pull["Action"]) == {*PULL_ACTIONS}
    # Whoever may put any tag could put that of a commit which production is to get.
    assert tag["Action"] == "ecr:PutImage"
    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/orders-staging-release"
    assert {key: text(value) for key, value in tag["Condition"]["ArnEquals"].items()} == {"aws:PrincipalArn": role}


def test_a_wrong_name_is_refused_before_anything_is_created() -> None:
    stack = new_stack()
    base = BaseImage.from_registry(account=OTHER_ACCOUNT, region=REGION, name="pythonbase")
    with pytest.raises(ValueError, match="got 'Orders'"):
        ReleaseState(stack, "Release", service_name="Orders", base_image=base)

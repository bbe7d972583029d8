"""What a service has released: names, repository and parameters that outlive its other stack."""

from __future__ import annotations

import pytest
from aws_cdk.assertions import Template

from pythonbase import BaseImage, ReleaseNames, ReleaseState
from tests.unit.synthesis import REGION, Resource, new_stack, only, resources, text

OTHER_ACCOUNT = "999988887777"


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    base = BaseImage.from_registry(account=OTHER_ACCOUNT, region=REGION, name="pythonbase")
    ReleaseState(stack, "Release", service_name="orders", base_image=base)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def parameters(template: Template) -> dict[str, Resource]:
    return resources(template, "AWS::SSM::Parameter")


def test_the_parameters_have_the_names_that_pipeline_and_service_use(parameters: dict[str, Resource]) -> None:
    names = {short_id: parameter.properties["Name"] for short_id, parameter in parameters.items()}
    assert names == {
        "ReleaseImage": "/pythonbase/services/orders/image",
        "ReleaseBaseImage": "/pythonbase/services/orders/base-image",
    }


def test_their_value_in_the_template_is_the_moving_tag_and_nothing_else(parameters: dict[str, Resource]) -> None:
    # A value that changes from one synthesis to the next would overwrite what the pipeline wrote.
    moving = f"{OTHER_ACCOUNT}.dkr.ecr.{REGION}.${{AWS::URLSuffix}}/pythonbase:latest"
    assert [text(parameter.properties["Value"]) for parameter in parameters.values()] == [moving, moving]


def test_the_parameters_and_the_repository_survive_their_stack(
    template: Template, parameters: dict[str, Resource]
) -> None:
    kept = [only(template, "AWS::ECR::Repository"), *parameters.values()]
    assert [(item.body["DeletionPolicy"], item.body["UpdateReplacePolicy"]) for item in kept] == [
        ("RetainExceptOnCreate", "Retain")
    ] * 3


def test_only_the_tags_that_say_what_is_released_can_move(template: Template) -> None:
    properties = only(template, "AWS::ECR::Repository").properties
    assert (properties["RepositoryName"], properties["ImageTagMutability"]) == ("orders", "IMMUTABLE_WITH_EXCLUSION")
    assert properties["ImageTagMutabilityExclusionFilters"] == [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "release-*"}
    ]


def test_nothing_else_is_kept_in_this_stack(template: Template) -> None:
    kinds = {body["Type"] for body in template.to_json()["Resources"].values()}
    assert kinds == {"AWS::ECR::Repository", "AWS::SSM::Parameter"}
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


def test_a_wrong_name_is_refused_before_anything_is_created() -> None:
    stack = new_stack()
    base = BaseImage.from_registry(account=OTHER_ACCOUNT, region=REGION, name="pythonbase")
    with pytest.raises(ValueError, match="got 'Orders'"):
        ReleaseState(stack, "Release", service_name="Orders", base_image=base)

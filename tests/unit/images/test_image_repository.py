"""ECR repositories of base images and services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase.images.repository import NEWEST_KEPT, PULL_ACTIONS, PUSH_ACTIONS, image_repository
from tests.unit.synthesis import Resource, new_stack, resources


@pytest.fixture(scope="module")
def repositories() -> dict[str, Resource]:
    stack = new_stack()
    image_repository(stack, "Moving", repository_name="moving", moving_tags=("latest",))
    image_repository(stack, "Fixed", repository_name="fixed")
    return resources(Template.from_stack(stack), "AWS::ECR::Repository")


def test_only_the_moving_tag_may_move(repositories: dict[str, Resource]) -> None:
    properties = repositories["Moving"].properties
    assert properties["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert properties["ImageTagMutabilityExclusionFilters"] == [
        {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": "latest"}
    ]


def test_without_moving_tags_every_tag_is_immutable(repositories: dict[str, Resource]) -> None:
    properties = repositories["Fixed"].properties
    assert properties["ImageTagMutability"] == "IMMUTABLE"
    assert "ImageTagMutabilityExclusionFilters" not in properties


@pytest.mark.parametrize("name", ["Moving", "Fixed"])
def test_a_repository_survives_its_stack_and_is_scanned(repositories: dict[str, Resource], name: str) -> None:
    repository = repositories[name]
    # Deleted if its creation is rolled back: the next attempt creates it again.
    assert repository.body["DeletionPolicy"] == "RetainExceptOnCreate"
    assert repository.body["UpdateReplacePolicy"] == "Retain"
    assert repository.properties["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository.properties["RepositoryName"] == name.lower()
    assert not repository.properties.get("EmptyOnDelete")
    assert "RepositoryPolicyText" not in repository.properties, "nobody outside the account may pull unless asked for"


def _selections(repository: Resource) -> list[dict[str, Any]]:
    rules = json.loads(repository.properties["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    return [rule["selection"] for rule in sorted(rules, key=lambda rule: rule["rulePriority"])]


_BY_AGE_AND_COUNT = [
    {"tagStatus": "untagged", "countType": "sinceImagePushed", "countNumber": 30, "countUnit": "days"},
    {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": NEWEST_KEPT},
]


def test_tagged_images_are_removed_by_count_only(repositories: dict[str, Resource]) -> None:
    assert _selections(repositories["Fixed"]) == _BY_AGE_AND_COUNT


def test_images_with_a_moving_tag_are_kept_by_the_first_rule(repositories: dict[str, Resource]) -> None:
    kept, *others = _selections(repositories["Moving"])
    # 9,999: more than 100 releases in each of 99 environments
    assert kept == {
        "tagStatus": "tagged", "tagPatternList": ["latest"], "countType": "imageCountMoreThan", "countNumber": 9_999
    }  # fmt: skip
    assert others == _BY_AGE_AND_COUNT


def test_each_moving_tag_has_a_rule_of_its_own() -> None:
    stack = new_stack()
    image_repository(stack, "Two", repository_name="two", moving_tags=("latest", "release-*"))
    (repository,) = resources(Template.from_stack(stack), "AWS::ECR::Repository").values()
    # In one rule they would select only images with both.
    assert [item.get("tagPatternList") for item in _selections(repository)] == [["latest"], ["release-*"], None, None]


def test_pulling_and_pushing_are_single_actions_of_ecr() -> None:
    actions = [*PULL_ACTIONS, *PUSH_ACTIONS]
    assert len(set(actions)) == len(actions) == 7
    assert all(action.startswith("ecr:") and "*" not in action for action in actions)
    assert not any("Delete" in action or "Policy" in action for action in actions)

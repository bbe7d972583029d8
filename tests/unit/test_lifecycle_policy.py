"""What lifecycle policies expire: the evaluator by ECR's documented rules, then this application's own policies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase.images.repository import NEWEST_KEPT
from pythonbase_localcloud.aws.registry.lifecycle_policy import Image, PolicyError, expired_by, parse
from tests.unit.synthesis import only

NOW = 1_800_000_000.0
DAY = 86_400.0


def _rule(priority: int, status: str, **selection: Any) -> dict[str, Any]:
    return {
        "rulePriority": priority,
        "selection": {"tagStatus": status, **selection},
        "action": {"type": "expire"},
    }


def _newest(count: int) -> dict[str, Any]:
    return {"countType": "imageCountMoreThan", "countNumber": count}


def _days(count: int) -> dict[str, Any]:
    return {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": count}


def _image(digest: str, *tags: str, age: float, part_of: Iterable[str] = ()) -> Image:
    return Image(digest=digest, tags=tags, pushed_at=NOW - age * DAY, part_of=frozenset(part_of))


def _expired(policy: str | list[dict[str, Any]], *images: Image) -> dict[str, int]:
    return expired_by(parse(policy if isinstance(policy, str) else json.dumps({"rules": policy})), images, now=NOW)


def test_by_count_the_oldest_expire_whatever_the_order_they_come_in() -> None:
    images = [_image("b", "1", age=2), _image("c", "2", age=3), _image("a", "3", age=1)]
    assert _expired([_rule(1, "any", **_newest(2))], *images) == {"c": 1}


def test_by_age_those_expire_that_are_older() -> None:
    images = [_image("old", age=14.1), _image("new", age=13.9), _image("tagged", "v1", age=99)]
    assert _expired([_rule(1, "untagged", **_days(14))], *images) == {"old": 1}


def test_an_image_that_an_earlier_rule_selects_is_out_of_reach_for_later_ones_but_counts() -> None:
    rules = [_rule(1, "tagged", tagPrefixList=["prod"], **_newest(9)), _rule(2, "any", **_newest(2))]
    images = [_image("a", "prod1", age=1), _image("b", age=2), _image("c", age=3), _image("d", "prod0", age=4)]
    # of the newest two, one is prod1; d is selected by rule 1, which keeps it
    assert _expired(rules, *images) == {"c": 2}


def test_priority_counts_and_not_the_order_of_the_text() -> None:
    rules = [_rule(2, "any", **_newest(1)), _rule(1, "tagged", tagPatternList=["keep*"], **_newest(9))]
    assert _expired(rules, _image("a", age=1), _image("b", "keep", age=2)) == {}


def test_a_rule_with_several_prefixes_wants_a_tag_for_each() -> None:
    rules = [_rule(1, "tagged", tagPrefixList=["alpha", "beta"], **_newest(1))]
    both = [_image(digest, "alpha-1", "beta-1", age=age) for digest, age in (("a", 1), ("b", 2))]
    assert _expired(rules, *both, _image("c", "alpha-2", age=3)) == {"b": 1}


@pytest.mark.parametrize(
    ("pattern", "tag", "selected"),
    [
        ("latest", "latest", True),
        ("latest", "latest-2", False),
        ("release-*", "release-", True),
        ("release-*", "prerelease-1", False),
        ("*-a*z", "x-abcz", True),
        ("v1.*", "v1x2", False),
    ],
)
def test_a_pattern_matches_the_whole_tag(pattern: str, tag: str, selected: bool) -> None:
    rules = [_rule(1, "tagged", tagPatternList=[pattern], **_newest(1))]
    images = [_image("a", tag, age=1), _image("b", tag, age=2)]
    assert _expired(rules, *images) == ({"b": 1} if selected else {})


def test_what_a_manifest_list_names_expires_only_after_the_list() -> None:
    rules = [_rule(1, "untagged", **_days(30))]
    assert _expired(rules, _image("list", "v1", age=99), _image("amd64", age=99, part_of={"list"})) == {}
    assert _expired(rules, _image("amd64", age=99)) == {"amd64": 1}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "has no rules"),
        ([_rule(1, "any", **_newest(1)), _rule(2, "untagged", **_newest(1))], "highest rulePriority"),
        ([_rule(1, "untagged", **_newest(1)), _rule(2, "untagged", **_days(1))], "only one rule"),
        ([_rule(1, "untagged", **_newest(1)), _rule(1, "any", **_newest(1))], "of its own"),
        ([_rule(1, "tagged", **_newest(1))], "goes with tagStatus tagged"),
        ([_rule(1, "any", tagPrefixList=["x"], **_newest(1))], "goes with tagStatus tagged"),
        ([_rule(1, "tagged", tagPrefixList=["x"], tagPatternList=["x"], **_newest(1))], "not both"),
        ([_rule(n, "tagged", tagPrefixList=["x"], **_newest(n)) for n in (1, 2)], "the same tags"),
        ([_rule(1, "tagged", tagPatternList=["*a*b*c*d*"], **_newest(1))], "at most 4 wildcards"),
        ([_rule(1, "any", **_newest(0))], "positive integer"),
        ([_rule(1, "any", countType="sinceImagePushed", countNumber=1)], "countUnit days"),
        ([_rule(1, "any", countType="sinceImagePulled", countUnit="days", countNumber=1)], "does not know"),
        ([_rule(1, "some", **_newest(1))], "tagStatus must be"),
        ([{**_rule(1, "any", **_newest(1)), "action": {"type": "transition"}}], "no archive"),
        ([{"rulePriority": 1}], "malformed"),
    ],
)
def test_a_policy_that_ecr_would_refuse_is_refused(rules: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        parse(json.dumps({"rules": rules}))


def test_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(PolicyError, match="malformed"):
        parse("rules")


@pytest.fixture(scope="module")
def service_policy(platform: dict[str, Template]) -> str:
    return _policy(platform["OrdersState"])


@pytest.fixture(scope="module")
def base_policy(platform: dict[str, Template]) -> str:
    return _policy(platform["Pythonbase"])


def _policy(template: Template) -> str:
    return str(only(template, "AWS::ECR::Repository").properties["LifecyclePolicy"]["LifecyclePolicyText"])


def _pushes(count: int, *, first_age: float = 1) -> list[Image]:
    """Images as pipelines push them: tagged with their commit, a day apart, the newest first."""
    return [_image(f"push{number}", f"{number:040x}", age=first_age + number) for number in range(count)]


def test_a_service_keeps_what_runs_however_old_it_is(service_policy: str) -> None:
    running = _image("running", "c0ffee", "release-7", age=5_000)
    expired = _expired(service_policy, *_pushes(NEWEST_KEPT + 300), running)
    assert expired.keys() == {f"push{number}" for number in range(NEWEST_KEPT, NEWEST_KEPT + 300)}
    # The test's own proof: without its tag the image is lost.
    assert "running" in _expired(service_policy, *_pushes(NEWEST_KEPT), _image("running", "c0ffee", age=5_000))


def test_a_service_keeps_all_that_its_environments_can_roll_back_to(service_policy: str) -> None:
    environments = ("", "staging-", "production-")
    ring = [
        _image(
            f"{environment}{number}", f"{environment}c{number}", f"release-{environment}{number}", age=3_000 + number
        )
        for environment in environments
        for number in range(100)
    ]
    forgotten = [_image(f"forgotten{number}", f"f{number}", age=2_000 + number) for number in range(50)]
    expired = _expired(service_policy, *_pushes(NEWEST_KEPT), *forgotten, *ring)
    assert expired.keys() == {image.digest for image in forgotten}


def test_a_service_keeps_the_newest_images_among_releases_and_others(service_policy: str) -> None:
    images = [
        _image(f"i{number}", f"c{number}", *([f"release-{number % 100}"] if number < 100 else []), age=number)
        for number in range(NEWEST_KEPT + 20)
    ]
    assert _expired(service_policy, *images).keys() == {f"i{NEWEST_KEPT + number}" for number in range(20)}


def test_a_service_loses_untagged_images_after_a_month_unless_a_kept_list_names_them(service_policy: str) -> None:
    images = [
        _image("fresh", age=29),
        _image("stale", age=31),
        _image("list", "c1", "release-3", age=900),
        _image("amd64", age=900, part_of={"list"}),
    ]
    assert _expired(service_policy, *images).keys() == {"stale"}


def test_a_base_image_keeps_its_moving_tag_also_when_that_was_put_back_to_an_old_image(base_policy: str) -> None:
    put_back = _image("old", "2024-01-01", "latest", age=5_000)
    expired = _expired(base_policy, *_pushes(NEWEST_KEPT + 1), put_back)
    assert expired.keys() == {f"push{NEWEST_KEPT}"}

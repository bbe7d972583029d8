"""What lifecycle policies expire: the user guide's examples and rules, then this application's own policies."""

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


# The examples of the user guide, with the results that it documents. Images are pushed in the order of their names:
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
BETA_AND_PROD = [(10, "beta-1", "prod-1"), (9, "beta-2", "prod-2"), (8, "beta-3")]
ALPHA_OR_BETA = [(12, "alpha-1"), (11, "beta-1"), (10, "alpha-2", "beta-2"), (4, "alpha-3"), (3, "beta-3"),
                 (2, "alpha-4", "beta-4")]  # fmt: skip
ALPHA_AND_BETA = [(10, "alpha-1", "beta-1", "gamma-1"), (9, "alpha-2", "beta-2"), (8, "alpha-3", "beta-3", "gamma-2")]
ALL = [(4, "alpha-1"), (3, "beta-1"), (2,), (1, "alpha-2")]
EVERY_TYPE = [(4, "alpha-1", "beta-1"), (3,), (2, "alpha-2"), (1, "git hash"), (1,)]


@pytest.mark.parametrize("by", ["prefix", "pattern"])
@pytest.mark.parametrize(
    ("rules", "contents", "result"),
    [
        pytest.param([(["prod"], _newest(1)), (["beta"], _newest(1))], BETA_AND_PROD, {"A": 1}, id="rules-A"),
        pytest.param([(["beta"], _newest(1)), (["prod"], _newest(1))], BETA_AND_PROD, {"A": 1, "B": 1}, id="rules-B"),
        pytest.param([(["alpha", "beta"], _days(5))], ALPHA_OR_BETA, {"C": 1}, id="tags-A"),
        pytest.param([(["alpha", "beta"], _newest(1))], ALPHA_AND_BETA, {"A": 1, "B": 1}, id="tags-B"),
        pytest.param([("any", _newest(1))], ALL, {"A": 1, "B": 1, "C": 1}, id="all-A"),
        pytest.param(
            [(["alpha"], _newest(1)), ("untagged", _days(1)), ("any", _newest(1))],
            EVERY_TYPE,
            {"A": 1, "B": 2, "D": 3},
            id="all-B",
        ),
    ],
)
def test_the_examples_of_the_user_guide_have_their_documented_results(
    rules: list[tuple[list[str] | str, dict[str, Any]]],
    contents: list[tuple[Any, ...]],
    result: dict[str, int],
    by: str,
) -> None:
    policy = []
    for priority, (selected, count) in enumerate(rules, start=1):
        if isinstance(selected, str):
            policy.append(_rule(priority, selected, **count))
        elif by == "prefix":
            policy.append(_rule(priority, "tagged", tagPrefixList=selected, **count))
        else:
            policy.append(_rule(priority, "tagged", tagPatternList=[f"{prefix}*" for prefix in selected], **count))
    seconds = 1 / DAY
    images = [
        _image(name, *tags, age=days - number * seconds)
        for number, (name, (days, *tags)) in enumerate(zip("ABCDEF", contents, strict=False))
    ]
    assert _expired(policy, *images) == result
    assert _expired(policy[::-1], *images[::-1]) == result, "the order of the text or of the images counts"


def test_an_image_that_an_earlier_rule_selects_still_counts_for_later_ones() -> None:
    # "Rules can never mark images that are marked by higher priority rules, but can still identify them":
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html#lp_evaluation_rules
    rules = [_rule(1, "tagged", tagPrefixList=["prod"], **_newest(9)), _rule(2, "any", **_newest(2))]
    images = [_image("a", "prod1", age=1), _image("b", age=2), _image("c", age=3), _image("d", "prod0", age=4)]
    assert _expired(rules, *images) == {"c": 2}


@pytest.mark.parametrize(
    ("pattern", "tag", "selected"),
    [
        ("latest", "latest", True),
        ("latest", "latest-2", False),
        ("release-*", "prerelease-1", False),
        ("*-a*z", "x-abcz", True),
        ("v1.*", "v1x2", False),
    ],
)
def test_a_pattern_matches_the_whole_tag(pattern: str, tag: str, selected: bool) -> None:
    rules = [_rule(1, "tagged", tagPatternList=[pattern], **_newest(1))]
    images = [_image("a", tag, age=1), _image("b", tag, age=2)]
    assert _expired(rules, *images) == ({"b": 1} if selected else {})


def test_a_pattern_has_as_many_wildcards_as_the_user_guide_allows() -> None:
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    parse(json.dumps({"rules": [_rule(1, "tagged", tagPatternList=["*test*1*2*3", "test*1*2*3*"], **_newest(1))]}))
    with pytest.raises(PolicyError, match="at most 4 wildcards"):
        parse(json.dumps({"rules": [_rule(1, "tagged", tagPatternList=["test*1*2*3*4*5*6"], **_newest(1))]}))


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

"""CodePipeline's glob patterns, by the examples and rules of its page."""

from __future__ import annotations

import pytest

from pythonbase_localcloud.aws.bitbucket.globs import GlobError, matches, selected


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("*.py", "orders.py"),
        ("*.{py,txt}", "notes.txt"),
        ("foo.?", "foo.c"),
        ("services/orders/**", "services/orders/app.py"),
        ("services/orders/**", "services/orders/tests/test_app.py"),
        ("services/orders/*", "services/orders/app.py"),
        ("**/*.py", "services/orders/app.py"),
        ("**", "any/where"),
        ("v[0-9]", "v1"),
        ("v[!0-9]", "vx"),
        ("v[-x]", "v-"),
        (r"what\*", "what*"),
        ("release/**", "release/1.2/hotfix"),
        ("a[*?]", "a*"),
        ("{services,libs/*}/orders/**", "libs/common/orders/x"),
    ],
)
def test_pattern_matches(pattern: str, value: str) -> None:
    assert matches(pattern, value)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("*.py", "services/orders.py"),
        ("foo.?", "foo.cc"),
        ("services/orders/**", "services/orders"),
        ("services/orders/**", "services/orders-api/app.py"),
        ("services/orders/*", "services/orders/tests/test_app.py"),
        ("services/orders", "services/orders/app.py"),
        ("**/README.md", "README.md"),
        ("release/*", "release/1.2/hotfix"),
        ("v[0-9]", "v10"),
        ("v[!0-9]", "v/"),
        (r"what\*", "whatever"),
        ("foo.?", "foo./"),
        ("a.b", "axb"),
    ],
)
def test_pattern_does_not_match(pattern: str, value: str) -> None:
    assert not matches(pattern, value)


@pytest.mark.parametrize("pattern", ["a[", "{a", "{a,{b}}", "a}", "a\\"])
def test_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(GlobError):
        matches(pattern, "a")


def test_excluded_values_do_not_count_and_one_other_is_enough() -> None:
    criteria = {"includes": ["services/**"], "excludes": ["**/README.md"]}
    assert not selected(criteria, ["services/README.md", "docs/x"])
    assert selected(criteria, ["services/README.md", "services/app.py"])
    assert not selected(criteria, [])
    assert selected(None, ["anything"])

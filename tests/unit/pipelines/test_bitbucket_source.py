"""What starts a pipeline, as CodePipeline gets it, and what CodePipeline would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as actions

from pythonbase import BitbucketSource
from tests.unit.synthesis import CONNECTION


def _source(**arguments: Any) -> BitbucketSource:
    return BitbucketSource(connection_arn=CONNECTION, repository="acme/shop", **arguments)


def _action() -> actions.CodeStarConnectionsSourceAction:
    return actions.CodeStarConnectionsSourceAction(
        action_name="Bitbucket", connection_arn=CONNECTION, owner="a", repo="b", output=codepipeline.Artifact("Source")
    )


def _git(trigger: codepipeline.TriggerProps) -> dict[str, list[dict[str, Any]]]:
    """The trigger's filters without what is left out."""
    git = trigger.git_configuration
    assert git
    return {
        kind: [{name: value for name, value in item._values.items() if value is not None} for item in filters]
        for kind, filters in (("push", git.push_filter), ("pull request", git.pull_request_filter))
        if filters
    }


def test_without_tags_and_paths_every_push_to_the_branch_counts() -> None:
    assert _git(_source(branch="release").on_push(_action())) == {"push": [{"branches_includes": ["release"]}]}


def test_tags_are_a_filter_of_their_own_because_codepipeline_cannot_combine_them_with_paths() -> None:
    source = _source(tags=("v*",), paths=("services/orders/**", "libs/**"))
    assert _git(source.on_push(_action())) == {
        "push": [
            {"branches_includes": ["main"], "file_paths_includes": ["services/orders/**", "libs/**"]},
            {"tags_includes": ["v*"]},
        ]
    }


def test_pull_requests_count_when_opened_or_updated_into_the_branch_and_never_by_tag() -> None:
    source = _source(branch="main", tags=("v*",), paths=("services/**",))
    assert _git(source.on_pull_request(_action())) == {
        "pull request": [
            {
                "branches_includes": ["main"],
                "events": [codepipeline.GitPullRequestEvent.OPEN, codepipeline.GitPullRequestEvent.UPDATED],
                "file_paths_includes": ["services/**"],
            }
        ]
    }


def test_braces_in_a_branch_are_not_a_pattern() -> None:
    (push,) = _git(_source(branch="feature/{x}").on_push(_action()))["push"]
    assert push["branches_includes"] == [r"feature/\{x\}"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tags": tuple("abcdefghi")}, "tags may be at most 8 patterns, got 9"),
        ({"paths": tuple("abcdefghi")}, "paths may be at most 8 patterns, got 9"),
        ({"paths": ("",)}, "a pattern of paths must have 1 to 255 characters: ''"),
        ({"tags": ("v" * 256,)}, "a pattern of tags must have 1 to 255 characters"),
    ],
)
def test_patterns_that_codepipeline_refuses_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _source(**arguments)


@pytest.mark.parametrize("repository", ["orders", "acme/", "/orders", "acme/orders/main"])
def test_a_repository_is_a_workspace_and_a_name(repository: str) -> None:
    with pytest.raises(ValueError, match="repository must be workspace/repository"):
        BitbucketSource(connection_arn=CONNECTION, repository=repository)

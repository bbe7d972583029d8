"""Which parts of a repository are built, tested and reported: the settings, and how their mistakes are explained."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from pythonbase.pipelines.pull_request_builds import PIPELINE_SUFFIX
from pythonbase_settings import Service, SettingsError, load_settings

_SERVICE = """\
services:
  - name: orders
    repository: acme/shop
"""


def _service(folder: Path, settings: str) -> Service:
    (folder / "platform.yaml").write_text(_SERVICE + indent(dedent(settings), "    "))
    return load_settings(folder / "platform.yaml").services[0]


def _said(folder: Path, text: str) -> list[str]:
    (folder / "platform.yaml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(folder / "platform.yaml")
    return str(caught.value).splitlines()


def test_a_service_of_a_monorepo_is_read_as_written(folder: Path) -> None:
    service = _service(
        folder,
        """\
        tags: ["orders-v*"]
        paths: ["services/orders/**", "libs/{common,web}/**"]
        dockerfile: services/orders/Dockerfile
        context: services/orders/
        pull_requests: true
        test: python -m pytest --junitxml=/reports/junit.xml
        """,
    )
    assert service.tags == ["orders-v*"]
    assert service.paths == ["services/orders/**", "libs/{common,web}/**"]
    assert service.context == "services/orders"
    assert service.pull_requests is True
    assert service.test == "python -m pytest --junitxml=/reports/junit.xml"


def test_left_out_every_push_to_the_branch_is_built_and_nothing_is_tested(folder: Path) -> None:
    service = _service(folder, "")
    assert (service.tags, service.paths, service.context) == ([], [], ".")
    assert (service.pull_requests, service.test) == (False, None)


def test_the_root_can_be_named_as_context(folder: Path) -> None:
    assert _service(folder, "context: .\n").context == "."


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('tags: ["refs/tags/v1"]', 'tags[0]: got "refs/tags/v1"; leave refs/tags/ out: v1'),
        ('tags: ["v 1"]', "use a pattern of 1 to 255 characters without spaces, such as v*"),
        ("tags: v*", 'tags: got "v*"; use a list: start each entry with "- "'),
        ('tags: ["v*", "w*", "v*"]', 'tags[2]: got "v*"; remove it: services[0].tags[0] is the same'),
        ("paths: [a, b, c, d, e, f, g, h, i]", "paths: got 9 entries; list at most 8"),
        (f"paths: [{'x' * 256}]", "use a pattern of 1 to 255 characters without spaces"),
        ("paths: [services/orders/]", "a folder is all that is in it: services/orders/**"),
        ("paths: [/]", "a folder is all that is in it: **"),
        ("paths: [./services/**]", "a path begins at the repository's root, without ./ and /: services/**"),
        ("paths: [/services/**]", "a path begins at the repository's root, without ./ and /: services/**"),
        ("paths: [../shop/**]", "use a path inside the repository, without .."),
        ('paths: ["!docs/**"]', "a pattern cannot exclude: name what counts"),
        ('paths: ["{a,{b}}"]', "close each { with a }, and put none inside another"),
        ('paths: ["a["]', "close each { with a } and each [ with a ]"),
        ('paths: ["{a"]', "close each { with a } and each [ with a ]"),
        ("pull_requests: yes", "pull_requests: got yes; use true or false"),
        ('pull_requests: "true"', 'pull_requests: got "true"; use true or false'),
        ("pull_requests: 1", "pull_requests: got 1; use true or false"),
        ('test: " "', 'test: got " "; use a shell command'),
        ("test: [pytest]", "test: got a list; use a shell command"),
        ("context: ../shop", "use a path inside the repository, without a leading / and .."),
    ],
)
def test_mistake_is_reported_with_line_value_and_fix(folder: Path, setting: str, said: str) -> None:
    (problem,) = _said(folder, f"{_SERVICE}    {setting}\n")
    assert problem.startswith("platform.yaml:4: services[0].")
    assert said in problem


@pytest.mark.parametrize(
    "where", ["dockerfile: services/orders/Dockerfile", "context: services/orders", "context: services/orders/src"]
)
def test_a_pattern_that_is_the_folder_of_the_image_is_no_file(folder: Path, where: str) -> None:
    (problem,) = _said(folder, f"{_SERVICE}    {where}\n    paths: [services/orders]\n")
    assert problem == (
        'platform.yaml:5: services[0].paths[0]: got "services/orders"; that is a folder, and patterns match files: '
        "services/orders/**"
    )


def test_a_pattern_without_wildcards_may_be_a_file(folder: Path) -> None:
    assert _service(folder, "paths: [Dockerfile, requirements.txt]\n").paths == ["Dockerfile", "requirements.txt"]


def test_two_pipelines_must_not_have_the_same_name(folder: Path) -> None:
    other = f"  - name: orders{PIPELINE_SUFFIX}\n    repository: acme/shop\n"
    (problem,) = _said(folder, f"{_SERVICE}    pull_requests: true\n{other}")
    assert problem == (
        'platform.yaml:5: services[1].name: got "orders-pull-requests"; use another name: the pull requests of orders '
        "have a pipeline of this name"
    )
    (folder / "platform.yaml").write_text(_SERVICE + other)
    assert len(load_settings(folder / "platform.yaml").services) == 2


@pytest.mark.parametrize("value", ["ATCTT3xFfGN0abcdefghijklmnop", "[a-token]", "12345"])
def test_a_token_in_place_of_its_secret_is_not_shown(folder: Path, value: str) -> None:
    (problem,) = _said(folder, f"bitbucket:\n  status_credentials: {value}\n")
    assert problem.startswith("platform.yaml:2: bitbucket.status_credentials: got a value that is not shown here; use")
    assert value.strip("[]") not in problem


def test_the_secret_is_named_by_name_or_arn(folder: Path) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:bitbucket/status-AbCdEf"
    for reference in ("bitbucket/statuses", arn):
        (folder / "platform.yaml").write_text(f"bitbucket:\n  status_credentials: {reference}\n")
        settings: Any = load_settings(folder / "platform.yaml")
        assert settings.bitbucket.status_credentials == reference


def test_the_stack_of_the_statuses_has_its_name_for_itself(folder: Path) -> None:
    (problem,) = _said(folder, _SERVICE.replace("orders", "build-status"))
    assert problem.endswith("its stack would be called BuildStatus like the application's own stack BuildStatus")


def test_tags_of_any_commit_need_an_approval_in_each_environment(folder: Path) -> None:
    line = "platform.yaml:5: services[0].unreviewed_tags: got true; remove it, or "
    tags = '    tags: ["v*"]\n    unreviewed_tags: true\n'
    approval = "give the service environments with approval: true, so that somebody looks first"
    assert _said(folder, f"{_SERVICE}{tags}") == [line + approval]
    one = f"{_SERVICE}{tags}    environments: [{{name: staging}}, {{name: production, approval: true}}]\n"
    assert _said(folder, one) == [f"{line}{approval}; staging has none"]
    assert _said(folder, f"{_SERVICE}    unreviewed_tags: true\n") == [
        "platform.yaml:4: services[0].unreviewed_tags: got true; remove it, or name the tags"
    ]
    service = _service(
        folder,
        """\
        tags: ["v*"]
        unreviewed_tags: true
        environments: [{name: production, approval: true}]
        """,
    )
    assert service.unreviewed_tags

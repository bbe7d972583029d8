"""What a service build may pull."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import pytest

from pythonbase_buildspecs import ImageReference, Mirror, Outcome, SourcePolicy, service_image_buildspec
from pythonbase_settings.fields.repositories import path_in_repository
from pythonbase_settings.sections.base_images import docker_hub_reference


def _rules(*stands_in_for: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(SourcePolicy(stands_in_for, official_images=Mirror.DENY).to_json())[
        "rules"
    ]
    return rules


def _converted(*stands_in_for: str) -> list[str]:
    return [
        rule["selector"]["identifier"]
        for rule in _rules(*stands_in_for)
        if rule["action"] == "CONVERT" and not rule["selector"]["identifier"].endswith("@*")
    ]


def _denied(image: str) -> bool:
    rules = _rules()
    assert {(rule["action"], rule["selector"]["matchType"]) for rule in rules} == {("DENY", "WILDCARD")}
    return any(fnmatch.fnmatchcase(f"docker-image://{image}", rule["selector"]["identifier"]) for rule in rules)


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"])
@pytest.mark.parametrize("port", ["", ":443"])
def test_every_name_of_docker_hub_is_refused(host: str, port: str) -> None:
    assert _denied(f"{host}{port}/library/python:3.13")


@pytest.mark.parametrize(
    "image", ["public.ecr.aws/docker/library/python", "docker.io.example.com/x", "a.b/docker.io/c", "docker.io:5000/x"]
)
def test_another_registry_is_not_refused(image: str) -> None:
    assert not _denied(f"{image}:3")


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("python", "library/python:latest"),
        ("python:3.13-slim", "library/python:3.13-slim"),
        ("python:3.13*", "library/python:3.13*"),
        ("python:*", "library/python:*"),
        ("library/python:3", "library/python:3"),
        ("docker.io/python:3", "library/python:3"),
        ("docker.io/library/python", "library/python:latest"),
        ("index.docker.io/python:3", "library/python:3"),
        ("bitnami/python:3", "bitnami/python:3"),
        ("docker.io/bitnami/python:3", "bitnami/python:3"),
    ],
)
def test_an_image_is_converted_under_its_canonical_name(written: str, canonical: str) -> None:
    assert _converted(written) == [f"docker-image://docker.io/{canonical}"]


def test_a_conversion_leads_to_the_pinned_base_image_and_comes_before_the_refusal() -> None:
    rules = _rules("python:3.13", "python:3.13-slim")
    assert [rule["action"] for rule in rules] == ["CONVERT"] * 4 + ["DENY"] * 8
    assert [rule["updates"] for rule in rules[:4]] == [{"identifier": "docker-image://BASE_IMAGE"}] * 4
    assert all("updates" not in rule for rule in rules[4:])


def test_a_pinned_digest_of_a_converted_image_is_converted_too() -> None:
    identifiers = [rule["selector"]["identifier"] for rule in _rules("python:3.13")]
    assert identifiers[:2] == [
        "docker-image://docker.io/library/python:3.13",
        "docker-image://docker.io/library/python:3.13@*",
    ]


def test_an_exact_reference_does_not_convert_its_relatives() -> None:
    (pattern,) = _converted("python:3.13")
    assert not fnmatch.fnmatchcase("docker-image://docker.io/library/python:3.13-slim", pattern)


@pytest.mark.parametrize(
    "reference",
    [
        "", " ", "python ", "python:3.13\n", "Python", "python:", ":3", "python:3:4", "python@sha256:" + "0" * 64,
        "public.ecr.aws/docker/library/python:3", "localhost/python", "localhost:5000/python", "host:5000/python:3",
        "/python", "python/", "a//b", "*", "pyth*n", "*/python", "python:3'", 'python:"', "python:$(id)", "python:`id`",
        "python:3\nPOLICY\nid", "python;id", "python:é", "python:%{x}",
    ],
)  # fmt: skip
def test_what_is_not_an_image_of_docker_hub_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match=r"stands_in_for takes Docker Hub images such as python:3\.13-slim, got"):
        SourcePolicy((reference,))


def test_one_wrong_entry_among_good_ones_is_refused() -> None:
    with pytest.raises(ValueError, match="got 'Nope'"):
        SourcePolicy(("python:3.13", "Nope"))


def test_the_policy_is_one_line_without_quotes_that_the_shell_could_end() -> None:
    line = SourcePolicy(("python:3.13*", "bitnami/python"), official_images=Mirror.DENY).to_json()
    assert line.splitlines() == [line]
    assert "'" not in line


@pytest.mark.parametrize(
    "reference",
    ["python:3.13", "bitnami/python:3", "a/b/c:1", "foo__bar:1.0", "docker.io/library/python:3", "index.docker.io/x:1"],
)
def test_every_image_that_the_settings_accept_is_accepted(reference: str) -> None:
    assert docker_hub_reference(reference) == reference
    SourcePolicy((reference,))


@pytest.mark.parametrize("path", ["Dockerfile", "./Dockerfile", ".docker/Dockerfile", "a/-b", "a/./b", "..a/b.."])
def test_every_dockerfile_that_the_settings_accept_is_accepted(path: str) -> None:
    assert path_in_repository(path) == path
    assert f"'{path}'" in service_image_buildspec(container_name="app", dockerfile=path).script


@pytest.mark.parametrize(
    ("written", "outcome"),
    [
        ("python:3.13", Outcome.BASE_IMAGE),
        ("docker.io/library/python:3.13", Outcome.BASE_IMAGE),
        ("index.docker.io/python:3.13@sha256:" + "0" * 64, Outcome.BASE_IMAGE),
        ("registry-1.docker.io/library/python:3.13", Outcome.REFUSED),
        ("docker.io:443/library/python:3.13", Outcome.REFUSED),
        ("DOCKER.IO/library/python:3.13", Outcome.REFUSED),
        ("nginx:1.29", Outcome.MIRRORED),
        ("bitnami/redis:7", Outcome.REFUSED),
        ("docker.iox/nginx", Outcome.ALLOWED),
        ("ghcr.io/acme/python:3.13", Outcome.ALLOWED),
    ],
)
def test_a_decision_is_what_the_builder_does(written: str, outcome: Outcome) -> None:
    policy = SourcePolicy(("python:3.13",))
    assert policy.decide(ImageReference.parse(written)).outcome is outcome


def test_a_decision_names_what_is_pulled_instead() -> None:
    policy = SourcePolicy()
    assert policy.decide(ImageReference.parse("nginx:1.29")).instead == "public.ecr.aws/docker/library/nginx:1.29"

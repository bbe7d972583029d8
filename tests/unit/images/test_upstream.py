"""The upstream image that a base image is built from, and the permissions that the build gets for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Aws, Duration
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk.assertions import Template

from pythonbase import BaseImage
from pythonbase_buildspecs.scripts.upstream import Image
from tests.unit.synthesis import (
    ACCOUNT,
    IMAGE_FOLDER,
    REGION,
    Allowed,
    allowed,
    environment,
    new_stack,
    only,
    resources,
)

HUB = "docker.io/library/python:3.13-slim"
CACHED = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/docker-hub/library/python:3.13-slim"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hub-AbCdEf"
METRIC = 'if {"StringEquals": {"cloudwatch:namespace": "pythonbase"}}'


def _template(*, secret: bool = False, source: Path = IMAGE_FOLDER, **arguments: Any) -> Template:
    stack = new_stack()
    if secret:
        arguments["upstream_credentials"] = secretsmanager.Secret.from_secret_complete_arn(stack, "Secret", SECRET)
    BaseImage(stack, "Base", repository_name="pythonbase", source=source, **arguments)
    return Template.from_stack(stack)


def _build(template: Template) -> tuple[dict[str, str], Allowed]:
    return environment(only(template, "AWS::CodeBuild::Project")), allowed(template, "BaseBuildRole")


@pytest.mark.parametrize(
    "written", ["python:3.13-slim", "library/python:3.13-slim", "index.docker.io/python:3.13-slim"]
)
def test_every_spelling_of_docker_hub_is_the_same_upstream(written: str) -> None:
    assert _build(_template(upstream=written))[0]["UPSTREAM_IMAGE"] == HUB


def test_docker_hub_has_a_metric_with_an_alarm() -> None:
    template = _template(upstream=HUB)
    variables, rights = _build(template)
    assert variables["METRIC_NAMESPACE"] == "pythonbase"
    assert rights["cloudwatch:PutMetricData"] == {f"* {METRIC}"}
    alarm = only(template, "AWS::CloudWatch::Alarm").properties
    assert (alarm["Namespace"], alarm["MetricName"]) == ("pythonbase", "DockerHubPullsRemaining")
    assert alarm["Dimensions"] == [{"Name": "Repository", "Value": "pythonbase"}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["Statistic"]) == ("LessThanThreshold", 10, "Minimum")
    assert alarm["TreatMissingData"] == "notBreaching"


def test_elsewhere_there_is_no_metric() -> None:
    template = _template()
    variables, rights = _build(template)
    assert "METRIC_NAMESPACE" not in variables
    assert "cloudwatch:PutMetricData" not in rights
    assert not resources(template, "AWS::CloudWatch::Alarm")


def test_the_credentials_are_named_in_the_environment_and_read_by_the_build() -> None:
    variables, rights = _build(_template(upstream=HUB, secret=True))
    assert variables["UPSTREAM_CREDENTIALS"] == SECRET
    assert rights["secretsmanager:GetSecretValue"] == {SECRET}


def test_without_credentials_no_secret_is_read() -> None:
    variables, rights = _build(_template(upstream=HUB))
    assert "UPSTREAM_CREDENTIALS" not in variables
    assert not [action for action in rights if action.startswith("secretsmanager:")]


def test_ecr_public_is_signed_in_to_and_another_registry_is_not() -> None:
    assert "ecr-public:GetAuthorizationToken" in _build(_template())[1]
    assert "ecr-public:GetAuthorizationToken" not in _build(_template(upstream="ghcr.io/acme/python:3"))[1]


def test_a_cached_image_may_be_pulled_and_imported_and_no_other() -> None:
    _, rights = _build(_template(upstream=CACHED))
    cached = {f"arn:${{AWS::Partition}}:ecr:{REGION}:{ACCOUNT}:repository/docker-hub/library/python"}
    assert rights["ecr:BatchImportUpstreamImage"] == rights["ecr:CreateRepository"] == cached
    assert cached < rights["ecr:BatchGetImage"]
    assert not cached & rights["ecr:PutImage"]


def test_a_registry_with_the_stacks_own_account_is_ecr_too() -> None:
    registry = f"{Aws.ACCOUNT_ID}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}"
    variables, rights = _build(_template(upstream=f"{registry}/docker-hub/library/python:3.13-slim"))
    assert variables["UPSTREAM_IMAGE"].endswith(
        ".dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/docker-hub/library/python:3.13-slim"
    )
    assert rights["ecr:CreateRepository"] == {
        "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/docker-hub/library/python"
    }


def test_the_upstream_patience_is_passed_in_seconds() -> None:
    assert _build(_template(upstream_patience=Duration.minutes(2)))[0]["UPSTREAM_PATIENCE"] == "120"


def test_an_upstream_that_is_not_an_image_reference_is_refused() -> None:
    with pytest.raises(ValueError, match=r"an image reference is .*, got 'Python:3'"):
        _template(upstream="Python:3")


@pytest.mark.parametrize(
    ("reference", "name", "url", "login"),
    [
        ("docker.io/library/python:3", "docker.io/library/python:3",
         "https://registry-1.docker.io/v2/library/python/manifests/3", "https://index.docker.io/v1/"),
        ("python", "docker.io/library/python",
         "https://registry-1.docker.io/v2/library/python/manifests/latest", "https://index.docker.io/v1/"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1", "https://ghcr.io/v2/a/b/manifests/1", "ghcr.io"),
        ("host:5000/b@sha256:12", "host:5000/b", "https://host:5000/v2/b/manifests/sha256:12", "host:5000"),
    ],
)  # fmt: skip
def test_the_build_calls_the_registry_of_the_reference(reference: str, name: str, url: str, login: str) -> None:
    image = Image(reference)
    assert (image.name, image.url, image.login) == (name, url, login)

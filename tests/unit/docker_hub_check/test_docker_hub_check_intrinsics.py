"""Which values the functions of a template can have, and which registries these name."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as assets

from pythonbase.docker_hub_check.holes import Holes
from pythonbase.docker_hub_check.resolver import Resolver
from pythonbase.docker_hub_check.verdict import Verdict, decide
from tests.unit.synthesis import IMAGE_FOLDER, new_stack

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Tag": {"Type": "String"},
        "Image": {"Type": "String", "Default": "nginx:1.29"},
        "Mirror": {"Type": "String", "Default": "public.ecr.aws/docker/library"},
        "Choice": {"Type": "String", "Default": "quay.io/a", "AllowedValues": ["quay.io/a", "redis"]},
        "Released": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/releases/orders"},
        "Images": {"Type": "CommaDelimitedList", "Default": "quay.io/a/b, redis:7"},
        "Port": {"Type": "Number", "Default": 8080},
    },
    "Mappings": {
        "Images": {"eu-west-1": {"Web": "quay.io/a/web", "Db": "redis"}, "us-east-1": {"Web": "nginx", "Db": "redis"}}
    },
    "Resources": {
        "Repo": {"Type": "AWS::ECR::Repository"},
        "Named": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "orders"}},
        "Custom": {"Type": "Custom::Image"},
    },
}

ARN = {"Fn::GetAtt": ["Repo", "Arn"]}
OTHER_ARN = {"Fn::ImportValue": "Other:RepoArn"}


def _part(index: int, arn: Any) -> dict[str, Any]:
    return {"Fn::Select": [index, {"Fn::Split": [":", arn]}]}


def _uri(arn: Any) -> dict[str, Any]:
    """A repository's URI as the CDK writes it."""
    return _join(_part(4, arn), ".dkr.ecr.", _part(3, arn), ".", {"Ref": "AWS::URLSuffix"}, "/orders:1")


def _join(*parts: Any) -> dict[str, Any]:
    return {"Fn::Join": ["", list(parts)]}


def _verdicts(value: Any) -> dict[str, Verdict]:
    holes = Holes()
    decisions = [decide(text) for text in Resolver(TEMPLATE, holes).texts(value)]
    return {holes.readable(decision.reference): decision.verdict for decision in decisions}


HUB, ELSEWHERE, CANNOT_TELL = Verdict.DOCKER_HUB, Verdict.ELSEWHERE, Verdict.CANNOT_TELL
NGINX = {"docker.io/library/nginx:1.29": HUB}

DECIDED: list[tuple[Any, dict[str, Verdict]]] = [
    ("nginx:1.29", NGINX),
    (_join("nginx", ":", "1.29"), NGINX),
    ({"Fn::Join": ["/", ["docker.io", "library", "nginx:1.29"]]}, NGINX),
    ({"Ref": "Image"}, NGINX),
    ({"Fn::Sub": "nginx:1.29"}, NGINX),
    ({"Fn::Sub": "${Image}"}, NGINX),
    ({"Fn::Sub": ["${Name}:1.29", {"Name": "nginx"}]}, NGINX),
    ({"Fn::Sub": "${Mirror}/nginx:1.29"}, {"public.ecr.aws/docker/library/nginx:1.29": ELSEWHERE}),
    ({"Fn::Sub": "quay.io/${!x}"}, {"quay.io/${x}": CANNOT_TELL}),
    ({"Ref": "Choice"}, {"quay.io/a": ELSEWHERE, "docker.io/library/redis:latest": HUB}),
    ({"Fn::Select": [1, {"Ref": "Images"}]}, {"docker.io/library/redis:7": HUB}),
    ({"Fn::Select": ["0", ["quay.io/a/b", "redis"]]}, {"quay.io/a/b": ELSEWHERE}),
    ({"Fn::Select": [0, {"Fn::If": ["C", ["quay.io/a/b"], ["redis:7"]]}]},
     {"quay.io/a/b": ELSEWHERE, "docker.io/library/redis:7": HUB}),
    ({"Fn::Select": [1, {"Fn::Split": ["|", "quay.io/a|redis:7"]}]}, {"docker.io/library/redis:7": HUB}),
    ({"Fn::If": ["C", "nginx:1.29", {"Ref": "AWS::NoValue"}]}, NGINX),
    ({"Ref": "AWS::NoValue"}, {}),
    (_join("nginx:", {"Fn::If": ["C", "1.29", "1.29"]}), NGINX),
    (_join({"Fn::If": ["C", "quay.io/a/", "docker.io/library/"]}, "nginx:1.29"),
     {"quay.io/a/nginx:1.29": ELSEWHERE, **NGINX}),
    ({"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "Web"]},
     {"quay.io/a/web": ELSEWHERE, "docker.io/library/nginx:latest": HUB}),
    ({"Fn::FindInMap": ["Images", "eu-west-1", "Web"]}, {"quay.io/a/web": ELSEWHERE}),
    ({"Fn::FindInMap": ["Images", "eu-west-1", {"Ref": "Tag"}]},
     {"quay.io/a/web": ELSEWHERE, "docker.io/library/redis:latest": HUB}),
    ({"Fn::FindInMap": ["Images", "eu-west-1", "Web", {"DefaultValue": "nginx:1.29"}]},
     {"quay.io/a/web": ELSEWHERE, **NGINX}),
    (_join("nginx:", {"Ref": "Port"}), {"docker.io/library/nginx:8080": HUB}),
]  # fmt: skip

ECR: list[Any] = [
    _uri(ARN),
    _uri(OTHER_ARN),
    _uri({"Fn::GetStackOutput": {"StackName": "Other", "OutputName": "RepoArn"}}),
    _uri({"Ref": "Tag"}),
    {"Fn::GetAtt": ["Repo", "RepositoryUri"]},
    {"Fn::GetAtt": "Repo.RepositoryUri"},
    _join({"Fn::GetAtt": ["Named", "RepositoryUri"]}, ":1"),
    {"Fn::Sub": "${Repo.RepositoryUri}:${Tag}"},
    {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/cdk-assets-${AWS::AccountId}:0123"},
    {"Fn::Sub": "${AWS::AccountId}.dkr.ecr-fips.${AWS::Region}.amazonaws.com/${Repo}@sha256:${Tag}"},
    _join(
        {"Ref": "AWS::AccountId"}, ".dkr.ecr.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}, "/docker-hub/x"
    ),
    _join({"Ref": "Tag"}, ".azurecr.io/nginx"),
    _join({"Ref": "Tag"}, ":5000/nginx"),
    _join("public.ecr.aws/", {"Ref": "Tag"}),
]

UNKNOWN_BEHIND_THE_REGISTRY: list[tuple[Any, str]] = [
    (_join("nginx:", {"Ref": "Tag"}), "docker.io/library/nginx:<Tag>"),
    (_join("nginx:1.", {"Ref": "Tag"}, "-slim"), "docker.io/library/nginx:1.<Tag>-slim"),
    (_join("bitnami/", {"Ref": "Tag"}), "docker.io/bitnami/<Tag>:latest"),
    (_join("index.docker.io/bitnami/redis:", {"Ref": "Tag"}), "docker.io/bitnami/redis:<Tag>"),
    (_join("nginx@", {"Ref": "Tag"}), "docker.io/library/nginx@<Tag>"),
    (_join("nginx:1@sha256:", {"Ref": "Tag"}), "docker.io/library/nginx:1@sha256:<Tag>"),
    ({"Fn::Sub": "nginx:${Tag}"}, "docker.io/library/nginx:<Tag>"),
    ("nginx:{{resolve:ssm:/tag}}", "docker.io/library/nginx:<{{resolve:ssm:/tag}}>"),
]

UNDECIDED: list[tuple[Any, str]] = [
    ({"Ref": "Tag"}, "<Tag>"),
    ({"Ref": "Released"}, "<Released>"),
    ({"Ref": "Nowhere"}, "<Nowhere>"),
    ({"Ref": "Repo"}, "<Repo>"),
    ({"Fn::GetAtt": ["Custom", "Parameter.Value"]}, "<Custom.Parameter.Value>"),
    ({"Fn::GetAtt": ["Repo", "Nothing"]}, "<Repo.Nothing>"),
    ({"Fn::ImportValue": "Other:Image"}, "<Fn::ImportValue:Other:Image>"),
    ({"Fn::GetStackOutput": {"StackName": "Other", "OutputName": "Image"}}, "<Other.Image>"),
    (_join(OTHER_ARN, ":1"), "<Fn::ImportValue:Other:RepoArn>:1"),
    (_join({"Ref": "Tag"}, "/nginx:1"), "<Tag>/nginx:1"),
    (_join({"Ref": "Tag"}, ".io/nginx"), "<Tag>.io/nginx"),
    (_join("registry-1.", {"Ref": "Tag"}, ":443/nginx"), "registry-1.<Tag>:443/nginx"),
    (_join("DOCKER.", {"Ref": "Tag"}, "/nginx"), "DOCKER.<Tag>/nginx"),
    (_join("nginx", {"Ref": "Tag"}), "nginx<Tag>"),
    (_join("mirror", {"Ref": "Tag"}, "/nginx"), "mirror<Tag>/nginx"),
    ({"Fn::Sub": "${Tag}"}, "<Tag>"),
    ({"Fn::Select": [7, ["nginx"]]}, "<['nginx']>"),
    ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "<Fn::GetAZs:>"),
    ({"Fn::FindInMap": ["Absent", "a", "b"]}, "<Fn::FindInMap>"),
    ({"Fn::Transform": {"Name": "X"}}, "<Fn::Transform>"),
    ("{{resolve:ssm:/image}}", "<{{resolve:ssm:/image}}>"),
    (_join("{{resolve:ssm:/", {"Ref": "Image"}, "}}"), "<{{resolve:ssm:/nginx:1.29}}>"),
    ("Nginx", "Nginx"),
    ("", ""),
]


@pytest.mark.parametrize(("value", "verdicts"), DECIDED)
def test_functions_with_known_values_are_evaluated(value: Any, verdicts: dict[str, Verdict]) -> None:
    assert _verdicts(value) == verdicts


@pytest.mark.parametrize("value", ECR)
def test_a_known_registry_is_no_finding_whatever_else_is_unknown(value: Any) -> None:
    assert set(_verdicts(value).values()) == {ELSEWHERE}


@pytest.mark.parametrize(("value", "reference"), UNKNOWN_BEHIND_THE_REGISTRY)
def test_docker_hub_is_found_with_an_unknown_tag(value: Any, reference: str) -> None:
    assert _verdicts(value) == {reference: HUB}


@pytest.mark.parametrize(("value", "shown"), UNDECIDED)
def test_an_unknown_registry_is_reported_as_such(value: Any, shown: str) -> None:
    assert _verdicts(value) == {shown: CANNOT_TELL}


def test_too_many_combinations_are_reported() -> None:
    either = {"Fn::If": ["C", "a", "b"]}
    assert _verdicts(_join("quay.io/", *[either] * 10)) == {"<more than 200 alternatives>": CANNOT_TELL}


def test_what_the_cdk_writes_for_images_in_ecr_is_understood() -> None:
    stack = new_stack()
    own = ecr.Repository(stack, "Own")
    for uri in (
        own.repository_uri,
        own.repository_uri_for_tag("1"),
        own.repository_uri_for_digest("sha256:" + "0" * 64),
        ecr.Repository.from_repository_name(stack, "ByName", "orders").repository_uri,
        assets.DockerImageAsset(stack, "Asset", directory=str(IMAGE_FOLDER)).image_uri,
    ):
        assert set(_verdicts(stack.resolve(uri)).values()) == {ELSEWHERE}

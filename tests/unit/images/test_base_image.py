"""BaseImage: repository, build, refresh, first build; and references to it from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.assertions import Template

from pythonbase import DEFAULT_UPSTREAM, MOVING_TAG, BaseImage, BaseImageReference
from pythonbase_buildspecs import base_image_buildspec
from tests.unit.synthesis import (
    ACCOUNT,
    ECR_HOST,
    IMAGE_FOLDER,
    PUBLIC_TOKEN,
    REGION,
    Resource,
    allowed,
    environment,
    may,
    new_stack,
    only,
    resources,
    script_arn,
    script_hash,
    text,
)

OTHER_ACCOUNT = "999988887777"


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    BaseImage(stack, "Base", repository_name="pythonbase", source=IMAGE_FOLDER)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def project(template: Template) -> Resource:
    return only(template, "AWS::CodeBuild::Project")


def _synthesize(source: Path = IMAGE_FOLDER, upstream: str = DEFAULT_UPSTREAM) -> Template:
    stack = new_stack()
    BaseImage(stack, "Base", repository_name="pythonbase", source=source, upstream=upstream)
    return Template.from_stack(stack)


def test_the_repository_lets_only_the_moving_tag_move(template: Template) -> None:
    properties = only(template, "AWS::ECR::Repository").properties
    assert properties["RepositoryName"] == "pythonbase"
    assert properties["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    filters = properties["ImageTagMutabilityExclusionFilters"]
    assert [item["ImageTagMutabilityExclusionFilterValue"] for item in filters] == [MOVING_TAG] == ["latest"]


def test_the_build_knows_account_repository_upstream_and_source(project: Resource) -> None:
    variables = environment(project)
    assert re.fullmatch("[0-9a-f]{64}", variables.pop("SOURCE_HASH"))
    assert variables.pop("BUILD_SCRIPT").endswith(f"/{script_hash(base_image_buildspec())}.sh")
    assert variables == {
        "AWS_ACCOUNT_ID": ACCOUNT,
        "MOVING_TAG": "latest",
        "REPOSITORY_NAME": "pythonbase",
        "REPOSITORY_URI": f"{ECR_HOST}/pythonbase",
        "UPSTREAM_IMAGE": "public.ecr.aws/docker/library/python:3.13-slim",
        "UPSTREAM_PATIENCE": "1800",
    }


def test_the_build_runs_the_rendered_buildspec_on_the_dockerfiles_folder(project: Resource) -> None:
    source = project.properties["Source"]
    assert source["BuildSpec"] == base_image_buildspec().text
    assert source["Type"] == "S3"
    assert text(source["Location"]).endswith(f"/{environment(project)['SOURCE_HASH']}.zip")


def test_the_build_may_publish_to_its_repository_and_nothing_else(template: Template, project: Resource) -> None:
    repository, asset = "${BaseRepository.Arn}", f"arn:aws:s3:::{text(project.properties['Source']['Location'])}"
    assert allowed(template, "BaseBuildRole") == {
        "ecr:BatchCheckLayerAvailability": {repository},
        "ecr:BatchGetImage": {repository},
        "ecr:CompleteLayerUpload": {repository},
        "ecr:GetAuthorizationToken": {"*"},
        "ecr-public:GetAuthorizationToken": {"*"},
        "sts:GetServiceBearerToken": {PUBLIC_TOKEN},
        "ecr:GetDownloadUrlForLayer": {repository},
        "ecr:InitiateLayerUpload": {repository},
        "ecr:PutImage": {repository},
        "ecr:UploadLayerPart": {repository},
        "s3:GetBucketAcl": {asset.rpartition("/")[0]},
        "s3:GetBucketLocation": {asset.rpartition("/")[0]},
        "logs:CreateLogStream": {"${BaseBuildLogs.Arn}"},
        "logs:PutLogEvents": {"${BaseBuildLogs.Arn}"},
        "s3:GetObject": {asset, script_arn(project)},
        "s3:GetObjectVersion": {asset},
    }


@pytest.mark.parametrize(
    "action", ["ecr:BatchDeleteImage", "ecr:PutImageTagMutability", "iam:PassRole", "s3:PutObject"]
)
def test_the_build_may_not(template: Template, action: str) -> None:
    assert not may(allowed(template, "BaseBuildRole"), action)


def test_the_image_is_refreshed_once_a_day_by_default(template: Template) -> None:
    schedule = only(template, "AWS::Scheduler::Schedule").properties
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(1 day)", "ENABLED")
    assert text(schedule["Target"]["Arn"]) == "${BaseBuildProject.Arn}"


def test_the_first_refresh_waits_for_the_first_build(template: Template) -> None:
    # A rate starts a build at once, and CodeBuild refuses one of two builds of the same image.
    assert "BaseFirstBuild" in only(template, "AWS::Scheduler::Schedule").depends_on


def test_the_schedule_may_start_this_build_only(template: Template) -> None:
    (role,) = [name for name in resources(template, "AWS::IAM::Role") if name.startswith("SchedulerRole")]
    assert allowed(template, role) == {"codebuild:StartBuild": {"${BaseBuildProject.Arn}"}}


def test_another_schedule_is_used_unchanged() -> None:
    stack = new_stack()
    cron = scheduler.ScheduleExpression.expression("cron(0 3 * * ? *)")
    BaseImage(stack, "Base", repository_name="pythonbase", source=IMAGE_FOLDER, refresh=cron)
    schedule = only(Template.from_stack(stack), "AWS::Scheduler::Schedule").properties
    assert schedule["ScheduleExpression"] == "cron(0 3 * * ? *)"


def test_the_first_build_waits_for_the_repository_and_the_permissions(template: Template) -> None:
    first_build = only(template, "Custom::ImageBuild")
    assert {
        "BaseRepository",
        "BaseBuildProject",
        "BaseBuildRole",
        "BaseBuildRoleDefaultPolicy",
    } <= first_build.depends_on


def test_a_changed_folder_and_a_changed_upstream_are_built_again(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG UPSTREAM_IMAGE\nFROM ${UPSTREAM_IMAGE}\n")
    first = only(_synthesize(tmp_path), "Custom::ImageBuild").properties
    again = only(_synthesize(tmp_path), "Custom::ImageBuild").properties
    other_upstream = only(_synthesize(tmp_path, "public.ecr.aws/x/python:3.14"), "Custom::ImageBuild").properties
    (tmp_path / "Dockerfile").write_text("ARG UPSTREAM_IMAGE\nFROM ${UPSTREAM_IMAGE}\nUSER 1\n")
    other_folder = only(_synthesize(tmp_path), "Custom::ImageBuild").properties
    triggers = [properties["Trigger"] for properties in (first, again, other_upstream, other_folder)]
    assert triggers[0] == triggers[1]
    assert len(set(triggers)) == 3


def test_bytecode_caches_in_the_folder_are_no_change(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG UPSTREAM_IMAGE\nFROM ${UPSTREAM_IMAGE}\n")
    before = only(_synthesize(tmp_path), "Custom::ImageBuild").properties["Trigger"]
    for cache in (tmp_path / "__pycache__", tmp_path / "package" / "__pycache__"):
        cache.mkdir(parents=True)
        (cache / "placeholder.cpython-311.pyc").write_bytes(b"x")
    assert only(_synthesize(tmp_path), "Custom::ImageBuild").properties["Trigger"] == before


def test_nobody_outside_the_account_may_pull_by_default(template: Template) -> None:
    assert "RepositoryPolicyText" not in only(template, "AWS::ECR::Repository").properties


def test_listed_accounts_may_pull_and_not_push() -> None:
    stack = new_stack()
    BaseImage(
        stack, "Base", repository_name="pythonbase", source=IMAGE_FOLDER, pull_accounts=[OTHER_ACCOUNT, "123456789012"]
    )
    policy = only(Template.from_stack(stack), "AWS::ECR::Repository").properties["RepositoryPolicyText"]
    principals = re.findall(
        r"iam::(\d{12}):root", str([text(statement["Principal"]["AWS"]) for statement in policy["Statement"]])
    )
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert sorted(set(principals)) == ["123456789012", OTHER_ACCOUNT]
    assert actions == {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}


def test_a_folder_without_a_dockerfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=f"source must be a folder with a Dockerfile, got '{re.escape(str(tmp_path))}'"
    ):
        BaseImage(new_stack(), "Base", repository_name="pythonbase", source=tmp_path)


def test_it_has_an_account_and_a_uri_with_the_moving_tag() -> None:
    stack = new_stack()
    base = BaseImage(stack, "Base", repository_name="pythonbase", source=IMAGE_FOLDER)
    assert base.account == ACCOUNT
    assert text(stack.resolve(base.repository_uri)) == f"{ECR_HOST}/pythonbase"
    assert text(stack.resolve(base.uri)) == f"{ECR_HOST}/pythonbase:latest"


# -- a base image of another stack, Region or account ------------------------------------------------------------------


def _pull_role(base: BaseImageReference) -> Template:
    stack = new_stack()
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    base.grant_pull(role)
    return Template.from_stack(stack)


def test_a_base_image_of_another_account_is_named_by_its_registry() -> None:
    base = BaseImage.from_registry(account=OTHER_ACCOUNT, region="us-east-1", name="team/pythonbase")
    stack = new_stack()
    assert base.account == OTHER_ACCOUNT
    uri = f"{OTHER_ACCOUNT}.dkr.ecr.us-east-1.${{AWS::URLSuffix}}/team/pythonbase"
    assert text(stack.resolve(base.repository_uri)) == uri
    assert text(stack.resolve(base.uri)) == f"{uri}:latest"


def test_pulling_from_another_account_is_allowed_for_its_repository_only() -> None:
    base = BaseImage.from_registry(account=OTHER_ACCOUNT, region="us-east-1", name="pythonbase")
    repository = f"arn:${{AWS::Partition}}:ecr:us-east-1:{OTHER_ACCOUNT}:repository/pythonbase"
    assert allowed(_pull_role(base), "Role") == {
        "ecr:BatchCheckLayerAvailability": {repository},
        "ecr:BatchGetImage": {repository},
        "ecr:GetAuthorizationToken": {"*"},
        "ecr:GetDownloadUrlForLayer": {repository},
    }


def test_the_owner_grants_the_same_as_a_reference() -> None:
    stack = new_stack()
    base = BaseImage(stack, "Base", repository_name="pythonbase", source=IMAGE_FOLDER)
    base.grant_pull(iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com")))
    reference = BaseImage.from_registry(account=ACCOUNT, region=REGION, name="pythonbase")
    assert allowed(Template.from_stack(stack), "Role") == allowed(_pull_role(reference), "Role")


@pytest.mark.parametrize("account", ["", "12345678901", "1234567890123", "12345678901a", "\uff11" * 12, " 23456789012"])
def test_an_account_that_is_not_12_digits_is_refused(account: str) -> None:
    with pytest.raises(ValueError, match=f"account must be 12 digits, got '{account}'"):
        BaseImage.from_registry(account=account, region=REGION, name="pythonbase")


def test_an_account_that_is_known_only_at_deployment_is_accepted() -> None:
    stack = Stack()
    base = BaseImage.from_registry(account=Aws.ACCOUNT_ID, region=REGION, name="pythonbase")
    assert text(stack.resolve(base.repository_uri)).startswith("${AWS::AccountId}.dkr.ecr.")

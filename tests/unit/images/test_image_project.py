"""The CodeBuild project that builds images."""

from __future__ import annotations

import pytest
from aws_cdk import Duration
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from pythonbase.images.project import ImageProject
from pythonbase_buildspecs import Buildspec, base_image_buildspec
from tests.unit.synthesis import Resource, allowed, environment, new_stack, only, resources, script_arn, trusted_by


@pytest.fixture(scope="module")
def template() -> Template:
    stack = new_stack()
    ImageProject(
        stack, "Build", buildspec=base_image_buildspec(), environment={"NAME": "value"}, description="Builds a thing"
    )
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def project(template: Template) -> Resource:
    return only(template, "AWS::CodeBuild::Project")


def test_the_buildspec_reaches_the_template_unchanged(project: Resource) -> None:
    assert project.properties["Source"]["BuildSpec"] == base_image_buildspec().text


def test_a_buildspec_of_other_text_is_carried_character_by_character() -> None:
    text = 'version: 0.2\n# ${a} {b} $$ "quotes" \\ e\n\n\n'
    stack = new_stack()
    ImageProject(stack, "Build", buildspec=Buildspec(text), environment={}, description="Builds a thing")
    project = only(Template.from_stack(stack), "AWS::CodeBuild::Project")
    assert project.properties["Source"]["BuildSpec"] == text


def test_the_build_can_run_docker_on_a_curated_image(project: Resource) -> None:
    properties = project.properties["Environment"]
    assert properties["PrivilegedMode"] is True
    assert properties["Image"] == "aws/codebuild/standard:7.0"
    assert properties["ImagePullCredentialsType"] == "CODEBUILD"


def test_the_environment_is_what_was_given(project: Resource) -> None:
    variables = environment(project)
    assert variables.pop("BUILD_SCRIPT").startswith("s3://cdk-hnb659fds-assets-")
    assert variables == {"NAME": "value"}


def test_the_build_logs_to_its_own_retained_log_group(template: Template, project: Resource) -> None:
    group = only(template, "AWS::Logs::LogGroup")
    assert project.properties["LogsConfig"] == {
        "CloudWatchLogs": {"GroupName": {"Ref": group.logical_id}, "Status": "ENABLED"}
    }
    assert (group.properties["RetentionInDays"], group.body["DeletionPolicy"]) == (90, "Retain")


def test_the_build_may_only_log_and_read_its_script_by_default(template: Template, project: Resource) -> None:
    assert allowed(template, "BuildRole") == {
        "logs:CreateLogStream": {"${BuildLogs.Arn}"},
        "logs:PutLogEvents": {"${BuildLogs.Arn}"},
        "s3:GetObject": {script_arn(project)},
    }
    assert trusted_by(template, "BuildRole") == ["codebuild.amazonaws.com"]


def test_the_project_waits_for_the_permissions_of_its_role(project: Resource) -> None:
    script = environment(project)["BUILD_SCRIPT"].rpartition("/")[2]
    assert project.depends_on == {"BuildRole", "BuildRoleDefaultPolicy", f"BuildRoleScript{script[:8]}"}


def test_without_a_source_a_pipeline_hands_the_build_its_files(project: Resource) -> None:
    assert project.properties["Source"]["Type"] == project.properties["Artifacts"]["Type"] == "CODEPIPELINE"


def test_nobody_on_the_internet_sees_the_builds(project: Resource) -> None:
    assert project.properties.get("Visibility", "PRIVATE") == "PRIVATE"
    assert project.properties.get("BadgeEnabled", False) is False


@pytest.mark.parametrize(("timeout", "minutes"), [(None, 60), (Duration.minutes(15), 15)])
def test_a_build_is_stopped_after_its_timeout(timeout: Duration | None, minutes: int) -> None:
    stack = new_stack()
    ImageProject(
        stack,
        "Build",
        buildspec=base_image_buildspec(),
        environment={},
        description="Builds a thing",
        timeout=timeout,
        log_retention=logs.RetentionDays.ONE_WEEK,
    )
    template = Template.from_stack(stack)
    assert only(template, "AWS::CodeBuild::Project").properties["TimeoutInMinutes"] == minutes
    assert [group.properties["RetentionInDays"] for group in resources(template, "AWS::Logs::LogGroup").values()] == [7]

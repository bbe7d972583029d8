"""Pull requests: the pipeline that builds and tests them, and what it cannot do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase import AppPipeline, BaseImage, BitbucketSource, LoadBalancing, Mirror, Network, WebService
from pythonbase_buildspecs import SourcePolicy, pull_request_buildspec
from tests.unit.synthesis import (
    ACCOUNT,
    CONNECTION,
    ECR_HOST,
    PUBLIC_TOKEN,
    REGION,
    SETTINGS,
    Resource,
    allowed,
    environment,
    may,
    new_platform,
    new_stack,
    platform_stacks,
    resources,
    script_arn,
    script_hash,
    text,
    trusted_by,
)

_PREFIX = "PipelinePullRequests"
_TESTS = "python -m pytest --junitxml=/reports/junit.xml"
_BUILD_ROLE = f"{_PREFIX}BuildRole"


def _synthesize(**arguments: Any) -> Template:
    stack = new_stack()
    base = BaseImage.from_registry(account=ACCOUNT, region=REGION, name="pythonbase")
    service = WebService(
        stack,
        "Web",
        service_name="orders",
        cluster=Network(stack, "Network", nat_gateways=1).cluster,
        base_image=base,
        load_balancing=LoadBalancing.NONE,
    )
    source = BitbucketSource(
        connection_arn=CONNECTION, repository="acme/shop", branch="main", tags=("v*",), paths=("services/orders/**",)
    )
    pipeline = AppPipeline(stack, "Pipeline", service=service, source=source, base_image=base, **arguments)
    pipeline.add_pull_request_builds()
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def template() -> Template:
    return _synthesize(context="services/orders", test_command=_TESTS, source_policy=SourcePolicy(("python:3.13",)))


@pytest.fixture(scope="module")
def pipeline(template: Template) -> Resource:
    return resources(template, "AWS::CodePipeline::Pipeline")[f"{_PREFIX}Pipeline"]


@pytest.fixture(scope="module")
def project(template: Template) -> Resource:
    return resources(template, "AWS::CodeBuild::Project")[f"{_PREFIX}BuildProject"]


# -- the pipeline ------------------------------------------------------------------------------------------------------


def test_it_has_only_a_source_and_a_build(pipeline: Resource) -> None:
    assert [
        (stage["Name"], [action["ActionTypeId"]["Provider"] for action in stage["Actions"]])
        for stage in pipeline.properties["Stages"]
    ] == [("Source", ["CodeStarSourceConnection"]), ("Build", ["CodeBuild"])]
    assert pipeline.properties["Name"] == "orders-pull-requests"
    assert (pipeline.properties["PipelineType"], pipeline.properties["ExecutionMode"]) == ("V2", "PARALLEL")


def test_pull_requests_into_the_branch_start_it_and_pushes_do_not(pipeline: Resource) -> None:
    (trigger,) = pipeline.properties["Triggers"]
    assert trigger["GitConfiguration"] == {
        "SourceActionName": "Bitbucket",
        "PullRequest": [
            {
                "Branches": {"Includes": ["main"]},
                "Events": ["OPEN", "UPDATED"],
                "FilePaths": {"Includes": ["services/orders/**"]},
            }
        ],
    }
    source = pipeline.properties["Stages"][0]["Actions"][0]["Configuration"]
    assert (source["FullRepositoryId"], source["DetectChanges"]) == ("acme/shop", False)


def test_it_gets_the_archive_of_a_commit_even_if_tags_need_the_history() -> None:
    # To clone the history, the build would need the connection.
    app = new_platform({**SETTINGS, "services": [{**SETTINGS["services"][0], "tags": ["v*"], "pull_requests": True}]})
    pipelines = resources(Template.from_stack(platform_stacks(app)["Orders"]), "AWS::CodePipeline::Pipeline")
    formats = {
        name: item.properties["Stages"][0]["Actions"][0]["Configuration"].get("OutputArtifactFormat")
        for name, item in pipelines.items()
    }
    assert formats == {"Pipeline": "CODEBUILD_CLONE_REF", "PipelinePullRequestsPipeline": None}


def test_the_build_gets_the_commit_and_has_no_output(pipeline: Resource) -> None:
    build = pipeline.properties["Stages"][1]["Actions"][0]
    assert "OutputArtifacts" not in build
    assert json.loads(build["Configuration"]["EnvironmentVariables"]) == [
        {"name": "COMMIT_ID", "type": "PLAINTEXT", "value": "#{Source.CommitId}"}
    ]


def test_it_waits_for_all_permissions_because_it_starts_at_once(pipeline: Resource) -> None:
    roles = ("PipelineRole", "SourceActionRole", "BuildActionRole", "BuildRole")
    policies = {name for name in pipeline.depends_on if name.endswith(("DefaultPolicy", "Reports"))}
    assert policies == {*(f"{_PREFIX}{role}DefaultPolicy" for role in roles), f"{_PREFIX}BuildReports"}


def test_the_release_waits_for_its_right_to_report_too(template: Template) -> None:
    release = resources(template, "AWS::CodePipeline::Pipeline")["Pipeline"]
    assert "PipelineBuildReports" in release.depends_on


# -- the build ---------------------------------------------------------------------------------------------------------


def test_the_build_knows_the_base_image_and_not_the_repository(project: Resource) -> None:
    variables = environment(project)
    del variables["BUILD_SCRIPT"]
    assert variables == {
        "AWS_ACCOUNT_ID": ACCOUNT,
        "BASE_REPOSITORY_URI": f"{ECR_HOST}/pythonbase",
        "BASE_TAG": "latest",
        "TEST_COMMAND": _TESTS,
    }


def test_the_buildspec_is_ours_and_not_the_repositorys(project: Resource) -> None:
    ours = pull_request_buildspec(context="services/orders", tests=True, source_policy=SourcePolicy(("python:3.13",)))
    assert project.properties["Source"]["BuildSpec"] == ours.text
    assert environment(project)["BUILD_SCRIPT"].endswith(f"/{script_hash(ours)}.sh")


def _roles_of(template: Template) -> list[str]:
    return [name for name in resources(template, "AWS::IAM::Role") if name.startswith(_PREFIX)]


def test_the_build_may_pull_the_base_log_report_and_read_its_source(template: Template, project: Resource) -> None:
    base = {f"arn:${{AWS::Partition}}:ecr:{REGION}:{ACCOUNT}:repository/pythonbase"}
    group = {f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group/${{{_PREFIX}BuildProject}}-tests"}
    logs, code = {f"${{{_PREFIX}BuildLogs.Arn}}"}, {f"${{{_PREFIX}Artifacts.Arn}}/*"}
    reporting = ("BatchPutTestCases", "CreateReport", "CreateReportGroup", "UpdateReport")
    assert trusted_by(template, _BUILD_ROLE) == ["codebuild.amazonaws.com"]
    assert allowed(template, _BUILD_ROLE) == {
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
        "ecr:GetAuthorizationToken": {"*"},
        "ecr-public:GetAuthorizationToken": {"*"},
        "sts:GetServiceBearerToken": {PUBLIC_TOKEN},
        **dict.fromkeys(("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), base),
        **dict.fromkeys((f"codebuild:{action}" for action in reporting), group),
        "s3:GetObject": code | {script_arn(project)},
        "s3:GetObjectVersion": code,
        "s3:GetBucketAcl": {f"${{{_PREFIX}Artifacts.Arn}}"},
        "s3:GetBucketLocation": {f"${{{_PREFIX}Artifacts.Arn}}"},
    }


@pytest.mark.parametrize(
    "action",
    [
        "ecr:PutImage",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecs:UpdateService",
        "ecs:RegisterTaskDefinition",
        "iam:PassRole",
        "ssm:PutParameter",
        "states:StartExecution",
        "secretsmanager:GetSecretValue",
        "codepipeline:StartPipelineExecution",
    ],
)
def test_no_role_of_a_pull_request_may_change_what_runs(template: Template, action: str) -> None:
    roles = _roles_of(template)
    assert len(roles) == 4
    assert not [role for role in roles if may(allowed(template, role), action)]


def test_the_roles_of_the_release_may_what_the_test_above_forbids(template: Template) -> None:
    assert may(allowed(template, "PipelineBuildRole"), "ecr:PutImage")
    assert may(allowed(template, "WebReleaseRole"), "ecs:UpdateService")


def test_nothing_is_shared_with_the_pipeline_that_releases(
    template: Template, pipeline: Resource, project: Resource
) -> None:
    release = resources(template, "AWS::CodePipeline::Pipeline")["Pipeline"]
    own, other = ({text(r) for r in _names(item.properties)} for item in (pipeline, release))
    assert own & other == set()
    bucket = text(pipeline.properties["ArtifactStore"]["Location"])
    for role in _roles_of(template):
        for action, on in allowed(template, role).items():
            buckets = {item.removesuffix("/*") for item in on - {script_arn(project)} if action.startswith("s3:")}
            assert buckets <= {f"{bucket.removesuffix('}')}.Arn}}"}, f"{role} may {action} on {on}"


def _names(value: Any) -> list[Any]:
    """Every reference to a resource."""
    if isinstance(value, dict):
        if value.keys() & {"Ref", "Fn::GetAtt"}:
            return [] if value.get("Ref", "").startswith("AWS::") else [value]
        return [name for item in value.values() for name in _names(item)]
    return [name for item in value for name in _names(item)] if isinstance(value, list) else []


# -- variants ----------------------------------------------------------------------------------------------------------


def test_without_tests_nothing_is_reported() -> None:
    template = _synthesize()
    assert not may(allowed(template, _BUILD_ROLE), "codebuild:CreateReport")
    project = resources(template, "AWS::CodeBuild::Project")[f"{_PREFIX}BuildProject"]
    assert "TEST_COMMAND" not in environment(project)


def test_the_release_is_tested_by_the_same_command_and_reports_to_its_own_group(template: Template) -> None:
    project = resources(template, "AWS::CodeBuild::Project")["PipelineBuildProject"]
    assert environment(project)["TEST_COMMAND"] == _TESTS
    (group,) = allowed(template, "PipelineBuildRole")["codebuild:CreateReport"]
    assert group.endswith(":report-group/${PipelineBuildProject}-tests")


def test_a_mirror_of_docker_hub_is_the_same_for_pull_requests() -> None:
    template = _synthesize(source_policy=SourcePolicy(official_images=Mirror.PULL_THROUGH_CACHE))
    assert allowed(template, _BUILD_ROLE)["ecr:BatchImportUpstreamImage"] == {
        f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/docker-hub/*"
    }

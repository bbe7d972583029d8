"""From a push to Bitbucket to a running container: the pipeline's stages and the build's project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase import (
    AppPipeline,
    BaseImage,
    BitbucketSource,
    LoadBalancing,
    Mirror,
    Network,
    ReleaseNames,
    ReleaseStage,
    WebService,
)
from pythonbase_buildspecs import SourcePolicy, service_image_buildspec
from tests.unit.synthesis import (
    ACCOUNT,
    CONNECTION,
    ECR_HOST,
    PUBLIC_TOKEN,
    REGION,
    SETTINGS,
    Allowed,
    Resource,
    allowed,
    environment,
    new_platform,
    new_stack,
    only,
    platform_stacks,
    resources,
    text,
)

OTHER_ACCOUNT = "999988887777"
SOURCE = BitbucketSource(connection_arn=CONNECTION, repository="acme/orders", branch="release/1")


def _synthesize(*, base_account: str = ACCOUNT, **arguments: Any) -> Template:
    stack = new_stack()
    base = BaseImage.from_registry(account=base_account, region=REGION, name="pythonbase")
    service = WebService(
        stack,
        "Web",
        service_name="orders",
        cluster=Network(stack, "Network", nat_gateways=1).cluster,
        base_image=base,
        load_balancing=LoadBalancing.NONE,
    )
    AppPipeline(stack, "Pipeline", service=service, source=SOURCE, base_image=base, **arguments)
    return Template.from_stack(stack)


@pytest.fixture(scope="module")
def template() -> Template:
    return _synthesize()


@pytest.fixture(scope="module")
def consumer() -> Template:
    """A pipeline whose base image another account owns."""
    return _synthesize(
        base_account=OTHER_ACCOUNT,
        dockerfile="docker/api.Dockerfile",
        source_policy=SourcePolicy(("python:3.13",)),
    )


@pytest.fixture(scope="module")
def pipeline(template: Template) -> Resource:
    return only(template, "AWS::CodePipeline::Pipeline")


def _action(pipeline: Resource, stage: str) -> Mapping[str, Any]:
    (actions,) = [item["Actions"] for item in pipeline.properties["Stages"] if item["Name"] == stage]
    (action,) = actions
    result: Mapping[str, Any] = action
    return result


# -- the pipeline ------------------------------------------------------------------------------------------------------


def test_a_release_goes_through_three_stages_in_order(pipeline: Resource) -> None:
    providers = [
        (stage["Name"], [action["ActionTypeId"]["Provider"] for action in stage["Actions"]])
        for stage in pipeline.properties["Stages"]
    ]
    assert providers == [
        ("Source", ["CodeStarSourceConnection"]),
        ("Build", ["CodeBuild"]),
        ("Deploy", ["StepFunctions"]),
    ]


def test_the_pipeline_is_v2_and_named_like_its_service(pipeline: Resource) -> None:
    assert (pipeline.properties["PipelineType"], pipeline.properties["Name"]) == ("V2", "orders")


def test_a_push_to_the_branch_starts_the_pipeline_once(pipeline: Resource) -> None:
    assert pipeline.properties["Triggers"] == [
        {
            "ProviderType": "CodeStarSourceConnection",
            "GitConfiguration": {
                "SourceActionName": "Bitbucket",
                "Push": [{"Branches": {"Includes": ["release/1"]}}],
            },
        }
    ]
    assert _action(pipeline, "Source")["Configuration"]["DetectChanges"] is False


def test_the_source_is_the_branch_of_the_repository_over_the_connection(pipeline: Resource) -> None:
    assert _action(pipeline, "Source")["Configuration"] == {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "acme/orders",
        "BranchName": "release/1",
        "DetectChanges": False,
    }


def test_the_build_gets_the_commit_id(pipeline: Resource) -> None:
    build = _action(pipeline, "Build")
    assert json.loads(build["Configuration"]["EnvironmentVariables"]) == [
        {"name": "COMMIT_ID", "type": "PLAINTEXT", "value": "#{Source.CommitId}"},
        {
            "name": "PIPELINE_EXECUTION_ID",
            "type": "PLAINTEXT",
            "value": "#{codepipeline.PipelineExecutionId}",
        },
    ]
    assert text(build["Configuration"]["ProjectName"]) == "${PipelineBuildProject}"
    assert (build["InputArtifacts"], build["OutputArtifacts"]) == ([{"Name": "Source"}], [{"Name": "Image"}])


def test_the_digests_of_the_build_are_released(pipeline: Resource) -> None:
    configuration = _action(pipeline, "Deploy")["Configuration"]
    assert configuration["StateMachineArn"] == f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders-release"
    assert configuration["InputType"] == "Literal"
    assert json.loads(configuration["Input"]) == {
        "image": "#{Build.IMAGE_URI}",
        "baseImage": "#{Build.BASE_IMAGE_URI}",
        "commit": "#{Source.CommitId}",
        "by": "#{Build.COMMIT_AUTHOR}",
        "why": "pipeline execution #{codepipeline.PipelineExecutionId}",
        "pipeline": "orders",
        "stage": "Deploy",
        "pipelineExecution": "#{codepipeline.PipelineExecutionId}",
    }


def test_a_failed_release_is_rolled_back(pipeline: Resource) -> None:
    assert {stage["Name"]: stage.get("OnFailure") for stage in pipeline.properties["Stages"]} == {
        "Source": None,
        "Build": None,
        "Deploy": {"Result": "ROLLBACK"},
    }


def test_pipeline_and_actions_have_a_role_each(pipeline: Resource) -> None:
    roles = {stage["Name"]: text(stage["Actions"][0]["RoleArn"]) for stage in pipeline.properties["Stages"]}
    assert roles == {stage: f"${{PipelineRoles{stage}.Arn}}" for stage in ("Source", "Build", "Deploy")}
    assert text(pipeline.properties["RoleArn"]) == "${PipelineRolesPipeline.Arn}"


def test_the_pipeline_waits_for_all_permissions_because_it_starts_at_once(pipeline: Resource) -> None:
    policies = {name for name in pipeline.depends_on if name.endswith("DefaultPolicy") and "Web" not in name}
    assert policies == {
        "PipelineBuildRoleDefaultPolicy",
        *(f"PipelineRoles{role}DefaultPolicy" for role in ("Pipeline", "Source", "Build", "Deploy")),
    }


def test_the_pipeline_waits_for_what_it_releases_to_because_it_starts_at_once(pipeline: Resource) -> None:
    assert {"WebService", "WebReleaseStateMachine", "WebReleaseRoleDefaultPolicy"} <= pipeline.depends_on


def test_the_application_passes_the_service_to_the_pipeline() -> None:
    template = Template.from_stack(platform_stacks(new_platform(SETTINGS))["Orders"])
    waits = only(template, "AWS::CodePipeline::Pipeline").depends_on
    assert {"Service", "ServiceReleaseStateMachine"} <= waits


@pytest.mark.parametrize("name", ["build", "source", "pipeline"])
def test_an_environment_cannot_have_the_name_of_a_stage_of_every_pipeline(name: str) -> None:
    with pytest.raises(ValueError, match="the names of stages must differ, also from Source, Build, Pipeline"):
        _with_stages(ReleaseStage(ReleaseNames("orders", name)))


def test_an_approval_cannot_have_the_name_of_an_environment() -> None:
    stages = [ReleaseStage(ReleaseNames("orders", "prod"), approval=True)]
    with pytest.raises(ValueError, match=r"ApproveProd$"):
        _with_stages(*stages, ReleaseStage(ReleaseNames("orders", "approve-prod")))


def _with_stages(*stages: ReleaseStage) -> None:
    base = BaseImage.from_registry(account=ACCOUNT, region=REGION, name="pythonbase")
    AppPipeline(new_stack(), "Pipeline", stages=stages, source=SOURCE, base_image=base)


def test_the_artifacts_are_in_the_pipelines_own_bucket(template: Template, pipeline: Resource) -> None:
    bucket = only(template, "AWS::S3::Bucket")
    assert pipeline.properties["ArtifactStore"] == {"Location": {"Ref": bucket.logical_id}, "Type": "S3"}


# -- the build ---------------------------------------------------------------------------------------------------------


def test_the_build_knows_account_base_image_and_repository(template: Template) -> None:
    variables = environment(only(template, "AWS::CodeBuild::Project"))
    assert variables.pop("BUILD_SCRIPT").startswith("s3://cdk-hnb659fds-assets-")
    assert variables == {
        "AWS_ACCOUNT_ID": ACCOUNT,
        "BASE_REPOSITORY_URI": f"{ECR_HOST}/pythonbase",
        "BASE_TAG": "latest",
        "PIPELINE_NAME": "orders",
        "REPOSITORY_NAME": "orders",
        "REPOSITORY_URI": f"{ECR_HOST}/orders",
    }


def test_the_account_of_the_build_is_the_one_that_owns_the_base_image(consumer: Template) -> None:
    variables = environment(only(consumer, "AWS::CodeBuild::Project"))
    assert variables["AWS_ACCOUNT_ID"] == OTHER_ACCOUNT
    assert variables["BASE_REPOSITORY_URI"] == f"{OTHER_ACCOUNT}.dkr.ecr.{REGION}.${{AWS::URLSuffix}}/pythonbase"
    assert variables["REPOSITORY_URI"] == f"{ECR_HOST}/orders"
    base = f"arn:${{AWS::Partition}}:ecr:{REGION}:{OTHER_ACCOUNT}:repository/pythonbase"
    assert base in allowed(consumer, "PipelineBuildRole")["ecr:BatchGetImage"]


def test_the_build_runs_the_rendered_buildspec_in_privileged_mode(template: Template, consumer: Template) -> None:
    default, own = (only(item, "AWS::CodeBuild::Project").properties for item in (template, consumer))
    assert default["Source"]["BuildSpec"] == service_image_buildspec(container_name="app").text
    assert own["Source"]["BuildSpec"] == (
        service_image_buildspec(
            container_name="app",
            dockerfile="docker/api.Dockerfile",
            source_policy=SourcePolicy(("python:3.13",)),
        ).text
    )
    assert default["Environment"]["PrivilegedMode"] is True


def test_the_pipeline_does_not_own_what_must_outlive_it(template: Template) -> None:
    assert not resources(template, "AWS::ECR::Repository")
    assert not resources(template, "AWS::SSM::Parameter")


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repository", ["", "orders", "/orders", "acme/", "acme/team/orders"])
def test_a_repository_that_is_not_workspace_and_name_is_refused(repository: str) -> None:
    with pytest.raises(ValueError, match=f"repository must be workspace/repository, got '{repository}'"):
        BitbucketSource(connection_arn=CONNECTION, repository=repository)


def test_a_repository_has_a_workspace_and_a_name() -> None:
    source = BitbucketSource(connection_arn=CONNECTION, repository="acme/orders")
    assert (source.workspace, source.name, source.branch) == ("acme", "orders", "main")


def test_a_malformed_dockerfile_path_is_refused() -> None:
    with pytest.raises(ValueError, match="dockerfile must be a path inside the repository"):
        _synthesize(dockerfile="../Dockerfile")


# -- mirrors of Docker Hub ---------------------------------------------------------------------------------------------


def _build(policy: SourcePolicy) -> tuple[dict[str, str], Allowed]:
    template = _synthesize(source_policy=policy)
    return environment(only(template, "AWS::CodeBuild::Project")), allowed(template, "PipelineBuildRole")


def test_without_a_cache_the_build_knows_none_and_may_use_none() -> None:
    variables, rights = _build(SourcePolicy())
    assert "PULL_THROUGH_CACHE" not in variables
    assert "ecr:CreateRepository" not in rights


def test_ecr_public_is_signed_in_to_whatever_the_policy_is() -> None:
    for policy in (SourcePolicy(), SourcePolicy(official_images=Mirror.ECR_PUBLIC)):
        _, rights = _build(policy)
        assert rights["ecr-public:GetAuthorizationToken"] == {"*"}
        assert rights["sts:GetServiceBearerToken"] == {PUBLIC_TOKEN}


def test_the_cache_is_used_below_its_prefix_only() -> None:
    cache = Mirror.PULL_THROUGH_CACHE
    variables, rights = _build(SourcePolicy(official_images=cache, other_images=cache))
    assert variables["PULL_THROUGH_CACHE"] == f"{ECR_HOST}/docker-hub"
    cached = {f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/docker-hub/*"}
    assert rights["ecr:BatchImportUpstreamImage"] == rights["ecr:CreateRepository"] == cached
    assert cached <= rights["ecr:BatchGetImage"]
    assert not cached & rights["ecr:PutImage"]


def _pipeline_with(**source: Any) -> Template:
    app = new_platform({**SETTINGS, "services": [{**SETTINGS["services"][0], **source}]})
    return Template.from_stack(platform_stacks(app)["Orders"])


@pytest.mark.parametrize(
    ("settings", "checked"),
    [
        ({}, False),
        ({"tags": ["v*"]}, True),
        (
            {
                "tags": ["v*"],
                "unreviewed_tags": True,
                "environments": [{"name": "production", "approval": True}],
            },
            False,
        ),
    ],
)
def test_a_build_that_tags_can_start_checks_that_its_commit_is_on_the_branch(
    settings: dict[str, Any], checked: bool
) -> None:
    template = _pipeline_with(**settings)
    source = only(template, "AWS::CodePipeline::Pipeline").properties["Stages"][0]["Actions"][0]["Configuration"]
    assert (source.get("OutputArtifactFormat") == "CODEBUILD_CLONE_REF") == checked
    project = only(template, "AWS::CodeBuild::Project")
    buildspec = project.properties["Source"]["BuildSpec"]
    assert ("git-credential-helper: yes" in buildspec) == checked
    assert environment(project).get("SOURCE_BRANCH") == ("release" if checked else None)
    rights = allowed(template, "PipelineBuildRole")
    for service in ("codeconnections", "codestar-connections"):
        assert rights.get(f"{service}:UseConnection") == ({CONNECTION} if checked else None)

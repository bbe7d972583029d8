"""Services with environments: stacks, the pipeline through them, and what reaches into another account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from pythonbase_settings import Service, ServiceEnvironment, in_environment
from tests.unit.synthesis import (
    ACCOUNT,
    REGION,
    SETTINGS,
    Resource,
    allowed,
    new_platform,
    only,
    platform_stacks,
    resources,
    text,
    trusted_by,
)

OTHER = "222233334444"
ORDERS: dict[str, Any] = {
    "name": "orders",
    "repository": "acme/orders",
    "environment": {"LOG_LEVEL": "info", "MODE": "plain"},
    "environments": [
        {"name": "staging", "environment": {"LOG_LEVEL": "debug"}},
        {
            "name": "production",
            "approval": True,
            "approval_timeout": 60,
            "desired_count": 3,
            "secrets": {"MODE": "orders/mode"},
            "alarms": ["latency"],
        },
    ],
}
PLACES: list[dict[str, Any]] = [
    {"name": "production", "account": OTHER},
    {"name": "us", "region": "us-east-1", "network": {"nat_gateways": 1}},
]


@pytest.fixture(scope="module")
def app() -> App:
    """Two environments in one account, beside a service without."""
    return new_platform({**SETTINGS, "services": [ORDERS, {"name": "api", "repository": "acme/api"}]})


@pytest.fixture(scope="module")
def stacks(app: App) -> dict[str, Template]:
    return {name: Template.from_stack(stack) for name, stack in platform_stacks(app).items()}


@pytest.fixture(scope="module")
def spread_app() -> App:
    """Environments in another account and in another Region."""
    environments = [*ORDERS["environments"], {"name": "us"}]
    return new_platform({**SETTINGS, "environments": PLACES, "services": [{**ORDERS, "environments": environments}]})


@pytest.fixture(scope="module")
def spread(spread_app: App) -> dict[str, Template]:
    return {name: Template.from_stack(stack) for name, stack in platform_stacks(spread_app).items()}


@pytest.fixture(scope="module")
def pipeline(stacks: dict[str, Template]) -> Resource:
    return only(stacks["Orders"], "AWS::CodePipeline::Pipeline")


def test_each_environment_has_a_stack_and_one_for_what_outlives_it(app: App, stacks: dict[str, Template]) -> None:
    assert stacks.keys() == {
        "Pythonbase", "Network", "Bitbucket", "OrdersState", "OrdersStaging", "OrdersStagingState", "OrdersProduction",
        "OrdersProductionState", "Orders", "Api", "ApiState",
    }  # fmt: skip
    protected = {name for name, stack in platform_stacks(app).items() if stack.termination_protection}
    assert protected == {"Bitbucket", "OrdersState", "OrdersStagingState", "OrdersProductionState", "ApiState"}


def test_there_is_one_repository_for_all_environments_and_one_build(stacks: dict[str, Template]) -> None:
    repositories = {name: len(resources(template, "AWS::ECR::Repository")) for name, template in stacks.items()}
    assert {name for name, count in repositories.items() if count} == {"Pythonbase", "OrdersState", "ApiState"}
    projects = [name for name, template in stacks.items() if resources(template, "AWS::CodeBuild::Project")]
    assert projects == ["Pythonbase", "Orders", "Api"]


def test_a_service_that_gets_environments_keeps_its_repository(stacks: dict[str, Template]) -> None:
    ids = [only(stacks[name], "AWS::ECR::Repository").logical_id for name in ("OrdersState", "ApiState")]
    assert ids[0] == ids[1]


def test_an_environment_has_parameters_a_service_and_a_state_machine_of_its_own(stacks: dict[str, Template]) -> None:
    names = {
        json.loads(text(parameter.properties["Create"]))["parameters"]["Name"]
        for parameter in resources(stacks["OrdersStagingState"], "Custom::ParameterPutOnce").values()
    }
    assert names == {f"/pythonbase/services/orders/staging/{name}" for name in ("image", "base-image", "release")}
    staging = stacks["OrdersStaging"]
    assert only(staging, "AWS::ECS::Service").properties["ServiceName"] == "orders-staging"
    assert only(staging, "AWS::ECS::TaskDefinition").properties["Family"] == "orders-staging"
    assert only(staging, "AWS::StepFunctions::StateMachine").properties["StateMachineName"] == "orders-staging-release"


def test_what_an_environment_sets_is_set_there_only(stacks: dict[str, Template]) -> None:
    def variables(stack: str) -> dict[str, str]:
        (container,) = only(stacks[stack], "AWS::ECS::TaskDefinition").properties["ContainerDefinitions"]
        plain = {item["Name"]: item["Value"] for item in container["Environment"]}
        return plain | {item["Name"]: "a secret" for item in container.get("Secrets", [])}

    assert variables("OrdersStaging") | {"PORT": "", "HEALTH_CHECK_PATH": ""} == {
        "LOG_LEVEL": "debug", "MODE": "plain", "PORT": "", "HEALTH_CHECK_PATH": "",
    }  # fmt: skip
    assert variables("OrdersProduction")["MODE"] == "a secret"
    assert variables("OrdersProduction")["LOG_LEVEL"] == "info"
    alarms = {
        stack: only(stacks[stack], "AWS::ECS::Service").properties["DeploymentConfiguration"].get("Alarms", {})
        for stack in ("OrdersStaging", "OrdersProduction")
    }
    assert alarms["OrdersProduction"]["AlarmNames"] == ["latency"]
    assert alarms["OrdersStaging"].get("AlarmNames", []) == []
    target = only(stacks["OrdersProduction"], "AWS::ApplicationAutoScaling::ScalableTarget").properties
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 3)


def test_one_digest_goes_through_all_environments_in_order(pipeline: Resource) -> None:
    stages = pipeline.properties["Stages"]
    assert [stage["Name"] for stage in stages] == ["Source", "Build", "Staging", "ApproveProduction", "Production"]
    released = {
        stage["Name"]: json.loads(stage["Actions"][0]["Configuration"]["Input"])
        for stage in stages
        if stage["Actions"][0]["ActionTypeId"]["Provider"] == "StepFunctions"
    }
    assert {name: given.pop("stage") for name, given in released.items()} == {
        "Staging": "Staging",
        "Production": "Production",
    }
    assert released["Staging"] == released["Production"]
    assert released["Staging"]["image"] == "#{Build.IMAGE_URI}"
    machines = {stage["Name"]: stage["Actions"][0]["Configuration"].get("StateMachineArn") for stage in stages}
    assert machines["Production"] == f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders-production-release"


def test_the_approver_sees_commit_author_and_digest(pipeline: Resource) -> None:
    (approval,) = pipeline.properties["Stages"][3]["Actions"]
    assert approval["ActionTypeId"]["Category"] == "Approval"
    message = approval["Configuration"]["CustomData"]
    for variable in ("#{Source.CommitId}", "#{Build.COMMIT_AUTHOR}", "#{Build.IMAGE_URI}"):
        assert variable in message
    assert "orders-production" in message
    assert "RoleArn" not in approval
    assert approval["TimeoutInMinutes"] == 60


def test_the_pipeline_is_deployed_after_everything_that_it_releases_to(app: App) -> None:
    dependencies = {stack.node.id for stack in platform_stacks(app)["Orders"].dependencies}
    assert dependencies == {"Bitbucket", "OrdersState", "OrdersStaging", "OrdersProduction"}


@pytest.mark.parametrize(("mode", "expected"), [("superseded", "SUPERSEDED"), ("queued", "QUEUED")])
def test_pushes_supersede_each_other_or_queue(mode: str, expected: str) -> None:
    settings = {**SETTINGS, "services": [{"name": "orders", "repository": "acme/orders", "execution_mode": mode}]}
    template = Template.from_stack(platform_stacks(new_platform(settings))["Orders"])
    assert only(template, "AWS::CodePipeline::Pipeline").properties["ExecutionMode"] == expected


# -- another account, another Region -----------------------------------------------------------------------------------


def test_stacks_are_in_the_account_and_region_of_their_environment(spread_app: App) -> None:
    places = {name: (stack.account, stack.region) for name, stack in platform_stacks(spread_app).items()}
    assert {name for name, where in places.items() if where == (OTHER, REGION)} == {
        "ProductionNetwork", "OrdersProduction", "OrdersProductionState",
    }  # fmt: skip
    assert {name for name, where in places.items() if where == (ACCOUNT, "us-east-1")} == {
        "UsNetwork", "OrdersUs", "OrdersUsState", "ArtifactsUsEast1",
    }  # fmt: skip


def test_the_other_account_may_pull_the_images_and_the_base_image(spread: dict[str, Template]) -> None:
    for stack in ("OrdersState", "Pythonbase"):
        statement, *_ = only(spread[stack], "AWS::ECR::Repository").properties["RepositoryPolicyText"]["Statement"]
        assert f":iam::{OTHER}:root" in text(statement["Principal"]["AWS"])
        assert "ecr:BatchGetImage" in statement["Action"]


def test_tasks_elsewhere_may_pull_from_the_pipelines_account_and_region(spread: dict[str, Template]) -> None:
    expected = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/orders"
    for stack in ("OrdersProduction", "OrdersUs"):
        assert expected in allowed(spread[stack], "ServiceExecutionRole")["ecr:BatchGetImage"]


def test_a_release_may_tag_images_only_if_its_steps_do(spread: dict[str, Template]) -> None:
    kept = {f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/orders"}
    for stack, images in (("OrdersStaging", kept), ("OrdersProduction", kept), ("OrdersUs", None)):
        rights = allowed(spread[stack], "ServiceReleaseRole")
        assert (rights.get("ecr:BatchGetImage"), rights.get("ecr:PutImage")) == (images, images), stack
        steps = text(only(spread[stack], "AWS::StepFunctions::StateMachine").properties["DefinitionString"])
        assert (":ecr:" in steps) is (images is not None), stack


def test_a_release_may_read_the_pipeline_only_if_it_gets_the_execution(spread: dict[str, Template]) -> None:
    (told,) = [
        stage["Name"]
        for stage in only(spread["Orders"], "AWS::CodePipeline::Pipeline").properties["Stages"]
        if "pipelineExecution" in str(stage["Actions"][0]["Configuration"])
    ]
    assert told == "Staging"
    pipeline = {f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:orders"}
    asked = {"codepipeline:GetPipelineExecution": pipeline, "codepipeline:GetPipelineState": pipeline}
    for stack, expected in (("OrdersStaging", asked), ("OrdersProduction", {}), ("OrdersUs", {})):
        rights = allowed(spread[stack], "ServiceReleaseRole")
        assert {action: on for action, on in rights.items() if action.startswith("codepipeline:")} == expected, stack


def test_the_pipeline_releases_elsewhere_with_a_role_there_that_trusts_it_alone(spread: dict[str, Template]) -> None:
    starter = f"arn:aws:iam::{OTHER}:role/orders-production-starter"
    stages = {
        stage["Name"]: stage for stage in only(spread["Orders"], "AWS::CodePipeline::Pipeline").properties["Stages"]
    }
    assert text(stages["Production"]["Actions"][0]["RoleArn"]) == starter
    assert starter in allowed(spread["Orders"], "PipelineRolesPipeline")["sts:AssumeRole"]
    pipeline_role = resources(spread["Orders"], "AWS::IAM::Role")["PipelineRolesPipeline"].properties["RoleName"]
    role = resources(spread["OrdersProduction"], "AWS::IAM::Role")["StarterRole"].properties
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert f":iam::{ACCOUNT}:root" in text(statement["Principal"]["AWS"])
    assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/{pipeline_role}"}}
    assert set(allowed(spread["OrdersProduction"], "StarterRole")) == {
        "states:DescribeExecution", "states:DescribeStateMachine", "states:StartExecution",
    }  # fmt: skip


def test_stages_here_are_rolled_back_and_those_elsewhere_only_end(spread: dict[str, Template]) -> None:
    # A release elsewhere cannot read from this pipeline which kind of execution started it.
    stages = {
        stage["Name"]: stage for stage in only(spread["Orders"], "AWS::CodePipeline::Pipeline").properties["Stages"]
    }
    assert {name for name, stage in stages.items() if "OnFailure" in stage} == {"Staging"}
    for name in ("Production", "Us"):
        assert "pipelineExecution" not in json.loads(stages[name]["Actions"][0]["Configuration"]["Input"])


def test_codepipeline_finds_a_bucket_in_the_other_region(spread: dict[str, Template]) -> None:
    name = f"pythonbase-artifacts-{ACCOUNT}-us-east-1"
    assert only(spread["ArtifactsUsEast1"], "AWS::S3::Bucket").properties["BucketName"] == name
    stores = only(spread["Orders"], "AWS::CodePipeline::Pipeline").properties["ArtifactStores"]
    assert {store["Region"]: text(store["ArtifactStore"]["Location"]) for store in stores} == {
        REGION: "${PipelineArtifacts}",
        "us-east-1": name,
    }
    assert trusted_by(spread["Orders"], "PipelineRolesUs") == ["${PipelineRolesPipeline.Arn}"]


def test_a_service_in_an_environment_is_the_service_with_the_differences() -> None:
    service = Service(name="orders", repository="acme/orders", max_count=4, secrets={"A": "one", "B": "two"})
    merged = in_environment(
        service, ServiceEnvironment(name="staging", desired_count=6, environment={"A": "plain"}, secrets={"B": "other"})
    )
    assert (merged.desired_count, merged.max_count) == (6, 6)
    assert (merged.environment, merged.secrets) == ({"A": "plain"}, {"B": "other"})

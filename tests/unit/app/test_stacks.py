"""How the application's stacks are wired."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase.services.web_service import CONTAINER_NAME
from pythonbase_buildspecs import SourcePolicy, service_image_buildspec
from tests.unit.synthesis import (
    ACCOUNT,
    CONNECTION,
    REGION,
    SETTINGS,
    allowed,
    environment,
    new_platform,
    only,
    platform_stacks,
    resources,
    script_hash,
    text,
)


def _stacks(**settings: Any) -> dict[str, Template]:
    stacks = platform_stacks(new_platform(settings))
    return {name: Template.from_stack(stack) for name, stack in stacks.items()}


@pytest.fixture(scope="module")
def variety() -> dict[str, Template]:
    """Three zones, two base images, two services, one on each."""
    return _stacks(
        network={"max_azs": 3},
        base_images=[
            {"name": "pythonbase"},
            {"name": "python-next", "path": "images/pythonbase", "upstream": "public.ecr.aws/x/python:3.14",
             "refresh": "cron(0 3 * * ? *)", "stands_in_for": ["python:3.14"]},
        ],
        services=[
            {"name": "orders", "repository": "acme/orders", "load_balancer": "internal"},
            {"name": "orders-api", "repository": "acme/api", "base_image": "python-next", "load_balancer": "none",
             "secrets": {"ONE": "orders/one", "TWO": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:two-AbCdEf"}},
        ],
    )  # fmt: skip


def test_stacks_are_named_for_what_they_are(variety: dict[str, Template]) -> None:
    services = {"Orders", "OrdersState", "OrdersApi", "OrdersApiState"}
    assert variety.keys() == {"Pythonbase", "PythonNext", "Network", "Bitbucket"} | services


def test_without_services_there_are_only_base_images() -> None:
    assert _stacks(services=[]).keys() == {"Pythonbase"}


def test_an_existing_connection_is_used_and_none_created(platform: dict[str, Template]) -> None:
    assert platform.keys() == {"Pythonbase", "Network", "Bitbucket", "OrdersState", "Orders"}
    platform["Bitbucket"].resource_count_is("AWS::CodeConnections::Connection", 0)
    assert CONNECTION in json.dumps(platform["Bitbucket"].to_json())


def test_a_connection_is_watched_before_the_first_pipeline_runs() -> None:
    stacks = platform_stacks(new_platform(SETTINGS))
    assert "Bitbucket" in {stack.node.id for stack in stacks["Orders"].dependencies}


def test_a_service_is_deployed_after_its_parameters_and_its_base_image() -> None:
    stacks = platform_stacks(new_platform(SETTINGS))
    assert {stack.node.id for stack in stacks["Orders"].dependencies} >= {"OrdersState", "Pythonbase"}
    assert stacks["OrdersState"].dependencies == []


def test_no_stack_exports_a_value(variety: dict[str, Template]) -> None:
    # An export that is imported cannot be changed: stacks would lock each other.
    for name, template in variety.items():
        body = template.to_json()
        assert not [output for output in body.get("Outputs", {}).values() if "Export" in output], name
        assert "Fn::ImportValue" not in str(body), name


def test_a_service_builds_on_the_base_image_that_it_names(variety: dict[str, Template]) -> None:
    for stack, base, stand_ins in (
        ("Orders", "pythonbase", ("python:3.13", "python:3.13-slim")),
        ("OrdersApi", "python-next", ("python:3.14",)),
    ):
        project = only(variety[stack], "AWS::CodeBuild::Project")
        assert environment(project)["BASE_REPOSITORY_URI"].endswith(f"/{base}")
        buildspec = service_image_buildspec(container_name=CONTAINER_NAME, source_policy=SourcePolicy(stand_ins))
        assert environment(project)["BUILD_SCRIPT"].endswith(f"/{script_hash(buildspec)}.sh")
        state = resources(variety[f"{stack}State"], "Custom::ParameterPutOnce")["ReleaseRecordImage"]
        assert json.loads(text(state.properties["Create"]))["parameters"]["Value"].endswith(f"/{base}:latest")


def test_each_base_image_has_its_own_upstream_and_schedule(variety: dict[str, Template]) -> None:
    next_image = variety["PythonNext"]
    assert environment(only(next_image, "AWS::CodeBuild::Project"))["UPSTREAM_IMAGE"] == "public.ecr.aws/x/python:3.14"
    assert only(next_image, "AWS::Scheduler::Schedule").properties["ScheduleExpression"] == "cron(0 3 * * ? *)"
    default = only(variety["Pythonbase"], "AWS::Scheduler::Schedule").properties
    assert default["ScheduleExpression"] == "rate(1 day)"


def test_secrets_are_found_by_name_and_by_arn(variety: dict[str, Template]) -> None:
    (container,) = only(variety["OrdersApi"], "AWS::ECS::TaskDefinition").properties["ContainerDefinitions"]
    assert {secret["Name"]: text(secret["ValueFrom"]) for secret in container["Secrets"]} == {
        "ONE": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/one",
        "TWO": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:two-AbCdEf",
    }


def test_a_service_with_a_load_balancer_says_its_address(variety: dict[str, Template]) -> None:
    url = variety["Orders"].to_json()["Outputs"]["Url"]["Value"]
    assert text(url) == "http://${ServiceLoadBalancer.DNSName}"
    assert "Outputs" not in variety["OrdersApi"].to_json()


def test_availability_zones_are_chosen_at_deployment_so_that_synthesis_asks_nobody(
    variety: dict[str, Template],
) -> None:
    subnets = resources(variety["Network"], "AWS::EC2::Subnet").values()
    zones = [text(subnet.properties["AvailabilityZone"]) for subnet in subnets]
    assert len(zones) == 6
    assert set(zones) == {f'{{"Fn::Select": [{index}, {{"Fn::GetAZs": ""}}]}}' for index in range(3)}


def test_a_service_without_a_release_can_still_start_on_a_base_image_that_it_does_not_name_any_more(
    variety: dict[str, Template],
) -> None:
    for stack in ("Orders", "OrdersApi"):
        pulled = allowed(variety[stack], "ServiceExecutionRole")["ecr:BatchGetImage"]
        for base in ("pythonbase", "python-next"):
            assert any(resource.endswith(f":repository/{base}") for resource in pulled), (stack, base)

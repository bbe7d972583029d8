"""The plugin in an app: what it refuses, how it reports, and how a finding is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Acknowledgment, App, CfnParameter, NestedStack, Stack, Stage, Validations
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as patterns
from aws_cdk.assertions import Template
from constructs import Construct, IConstruct

from pythonbase import DockerHubCheck
from pythonbase.docker_hub_check import cannot_tell
from tests.unit.synthesis import CONTEXT, SETTINGS, new_platform

NGINX = "PythonbaseDockerHub[docker.io/library/nginx:1.29]"
REASON = "the image of this test is never pulled"


@pytest.fixture
def app(tmp_path: Path) -> App:
    """An app with the check, as teams add it to theirs."""
    app = App(context=CONTEXT, outdir=str(tmp_path / "cdk.out"))
    Validations.of(app).add_plugins(DockerHubCheck())
    return app


def _task(scope: Construct, *images: str) -> ecs.FargateTaskDefinition:
    task = ecs.FargateTaskDefinition(scope, "Task")
    for number, image in enumerate(images):
        task.add_container(f"c{number}", image=ecs.ContainerImage.from_registry(image))
    return task


def _refusal(app: App) -> str:
    with pytest.raises(RuntimeError, match="ValidationFailed") as refused:
        app.synth()
    return str(refused.value)


def _acknowledge(construct: IConstruct, *findings: str) -> None:
    Validations.of(construct).acknowledge(*(Acknowledgment(id=finding, reason=REASON) for finding in findings))


def _report(app: App) -> dict[str, Any]:
    (report,) = [
        report
        for report in json.loads((Path(app.outdir) / "validation-report.json").read_text())["pluginReports"]
        if report["pluginName"] == "DockerHubCheck"
    ]
    return dict(report)


# -- patterns ----------------------------------------------------------------------------------------------------------


def test_a_load_balanced_service_from_docker_hub_is_refused_with_its_path(app: App) -> None:
    stack = Stack(app, "Shop")
    patterns.ApplicationLoadBalancedFargateService(
        stack,
        "Web",
        vpc=ec2.Vpc(stack, "Vpc", max_azs=2, restrict_default_security_group=False),
        task_image_options=patterns.ApplicationLoadBalancedTaskImageOptions(
            image=ecs.ContainerImage.from_registry("amazon/amazon-ecs-sample")
        ),
    )
    refusal = _refusal(app)
    assert "docker.io/amazon/amazon-ecs-sample:latest is pulled from Docker Hub" in refusal
    assert "Shop/Web/TaskDef/Resource" in refusal
    assert ".dkr.ecr.<region>.amazonaws.com/amazon/amazon-ecs-sample:latest" in refusal


def test_the_same_service_from_ecr_passes(app: App) -> None:
    stack = Stack(app, "Shop")
    patterns.ApplicationLoadBalancedFargateService(
        stack,
        "Web",
        vpc=ec2.Vpc(stack, "Vpc", max_azs=2, restrict_default_security_group=False),
        task_image_options=patterns.ApplicationLoadBalancedTaskImageOptions(
            image=ecs.ContainerImage.from_ecr_repository(ecr.Repository(stack, "Images"), "1.0")
        ),
    )
    assert app.synth().stacks_recursively


def test_a_sidecar_from_docker_hub_is_refused_with_what_to_write_instead(app: App) -> None:
    _task(Stack(app, "Shop"), "public.ecr.aws/docker/library/python:3.13", "nginx:1.29")
    refusal = _refusal(app)
    assert "Shop/Task/Resource" in refusal
    assert "Write public.ecr.aws/docker/library/nginx:1.29" in refusal
    assert f"DockerHubCheck::{NGINX}" in refusal
    (violation,) = _report(app)["violations"]
    assert violation["ruleName"] == NGINX
    assert violation["severity"] == "error"
    (construct,) = violation["violatingConstructs"]
    assert construct["constructPath"] == "Shop/Task/Resource"
    assert construct["cloudFormationResource"]["propertyPaths"] == ["Properties.ContainerDefinitions.1.Image"]


def test_template_from_stack_also_fails_for_a_refused_app(app: App) -> None:
    stack = Stack(app, "Shop")
    _task(stack, "nginx:1.29")
    with pytest.raises(RuntimeError, match=r"docker\.io/library/nginx:1\.29"):
        Template.from_stack(stack)


def test_an_image_in_the_repository_of_another_stack_passes(app: App) -> None:
    repository = ecr.Repository(Stack(app, "Images"), "Repository")
    task = ecs.FargateTaskDefinition(Stack(app, "Shop"), "Task")
    task.add_container("app", image=ecs.ContainerImage.from_ecr_repository(repository, "1"))
    assert app.synth().stacks_recursively


def test_a_build_project_is_refused_for_its_image_and_for_its_buildspec(app: App) -> None:
    stack = Stack(app, "Build")
    codebuild.Project(
        stack,
        "Project",
        environment=codebuild.BuildEnvironment(build_image=codebuild.LinuxBuildImage.from_docker_registry("golang:1")),
        build_spec=codebuild.BuildSpec.from_object_to_yaml(
            {"version": "0.2", "phases": {"build": {"commands": ["docker run --rm node:24 npm ci"]}}}
        ),
    )
    refusal = _refusal(app)
    assert "docker.io/library/golang:1 is pulled" in refusal
    assert "docker.io/library/node:24 is pulled" in refusal


# -- where -------------------------------------------------------------------------------------------------------------


def test_nested_stacks_and_stages_are_checked(app: App) -> None:
    outer = Stack(app, "Outer")
    inner = NestedStack(NestedStack(outer, "Middle"), "Inner")
    _task(inner, "nginx:1.29")
    _task(Stack(Stage(app, "Prod"), "Shop", stack_name="shop"), "redis:7")
    refusal = _refusal(app)
    assert "Outer/Middle/Inner/Task/Resource" in refusal
    assert "Prod/Shop/Task/Resource" in refusal


def test_the_check_of_a_stage_reads_that_stage_only(tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path))
    stage = Stage(app, "Prod")
    _task(Stack(stage, "Shop"), "nginx:1.29")
    _task(Stack(app, "Sandbox"), "redis:7")
    Validations.of(stage).add_plugins(DockerHubCheck())
    refusal = _refusal(app)
    assert "Prod/Shop/Task/Resource" in refusal
    assert "Sandbox" not in refusal


def test_a_template_that_an_earlier_synthesis_left_behind_is_not_read(app: App) -> None:
    stack = Stack(app, "Shop")
    _task(NestedStack(stack, "Inner"), "quay.io/a/b")
    stale = {"Resources": {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {}}}}
    stale["Resources"]["T"]["Properties"] = {"ContainerDefinitions": [{"Image": "nginx:1.29"}]}
    Path(app.outdir).mkdir(exist_ok=True)
    (Path(app.outdir) / "ShopOld.nested.template.json").write_text(json.dumps(stale))
    assert app.synth().stacks_recursively


# -- acknowledgements --------------------------------------------------------------------------------------------------

PLACES: dict[str, Callable[[App], IConstruct]] = {
    "resource": lambda app: app.node.find_child("Prod").node.find_child("Shop").node.find_child("Task"),
    "stack": lambda app: app.node.find_child("Prod").node.find_child("Shop"),
    "stage": lambda app: app.node.find_child("Prod"),
    "app": lambda app: app,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("prefix", ["", "DockerHubCheck::"])
def test_a_finding_is_acknowledged_on_the_construct_or_above(app: App, place: str, prefix: str) -> None:
    _task(Stack(Stage(app, "Prod"), "Shop"), "nginx:1.29")
    _acknowledge(PLACES[place](app), prefix + NGINX)
    assert app.synth().stacks_recursively


def test_a_finding_in_a_nested_stack_is_acknowledged(app: App) -> None:
    task = _task(NestedStack(Stack(app, "Shop"), "Inner"), "nginx:1.29")
    _acknowledge(task, NGINX)
    assert app.synth().stacks_recursively


def test_an_acknowledgement_covers_neither_another_image_nor_another_construct(app: App) -> None:
    acknowledged = _task(Stack(app, "Shop"), "nginx:1.29", "redis:7")
    _task(Stack(app, "Shop2"), "nginx:1.29")
    _acknowledge(acknowledged, NGINX)
    refusal = _refusal(app)
    assert {violation["ruleName"] for violation in _report(app)["violations"]} == {
        NGINX,
        "PythonbaseDockerHub[docker.io/library/redis:7]",
    }
    assert refusal.count("Shop/Task/Resource") == 1  # redis
    assert refusal.count("Shop2/Task/Resource") == 1  # nginx


@pytest.mark.parametrize("useless", ["PythonbaseDockerHub", "PythonbaseDockerHub[nginx:1.29]", "AwsSolutions-ECS2"])
def test_another_id_acknowledges_nothing(app: App, useless: str) -> None:
    _acknowledge(_task(Stack(app, "Shop"), "nginx:1.29"), useless)
    assert NGINX in _refusal(app)


def test_with_one_of_two_findings_acknowledged_by_the_library_the_other_still_fails(app: App) -> None:
    task = _task(Stack(app, "Shop"), "nginx:1.29", "redis:7")
    _acknowledge(task, f"DockerHubCheck::{NGINX}")
    assert "docker.io/library/redis:7" in _refusal(app)


def test_an_unknown_registry_is_refused_until_it_is_acknowledged(app: App) -> None:
    stack = Stack(app, "Shop")
    image = CfnParameter(stack, "Image").value_as_string
    task = _task(stack, image)
    assert cannot_tell(task, image) == "PythonbaseDockerHubCannotTell[<Image>]"
    assert "Cannot tell whether <Image> is pulled from Docker Hub" in _refusal(app)


def test_the_id_for_an_unknown_registry_acknowledges_it(app: App) -> None:
    stack = Stack(app, "Shop")
    image = f"{CfnParameter(stack, 'Image').value_as_string}:{CfnParameter(stack, 'Tag').value_as_string}"
    task = _task(stack, image)
    _acknowledge(task, cannot_tell(task, image))
    assert app.synth().stacks_recursively


@pytest.mark.parametrize("image", ["Nginx {[(", "Nginx ::x]", "a b"])
def test_a_reference_that_docker_refuses_is_reported_whatever_is_in_it(app: App, image: str) -> None:
    task = _task(Stack(app, "Shop"), image)
    _acknowledge(task, "AwsSolutions-ECS2")
    assert "it is no image reference" in _refusal(app)


# -- this project ------------------------------------------------------------------------------------------------------


def test_the_application_passes_and_carries_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    validate = DockerHubCheck.findings

    def spy(self: DockerHubCheck, context: Any) -> Any:
        asked.extend(stack.stack_construct_path for stack in context.stack_templates)
        return validate(self, context)

    monkeypatch.setattr(DockerHubCheck, "findings", spy)
    assert new_platform(SETTINGS).synth().stacks_recursively
    assert {"Orders", "Pythonbase"} <= set(asked)


def test_a_container_from_docker_hub_added_to_the_application_is_refused() -> None:
    app = new_platform(SETTINGS)
    orders = app.node.find_child("Orders")
    task = orders.node.find_child("Service").node.find_child("TaskDefinition")
    assert isinstance(task, ecs.FargateTaskDefinition)
    task.add_container("agent", image=ecs.ContainerImage.from_registry("datadog/agent:7"))
    refusal = _refusal(app)
    assert "docker.io/datadog/agent:7 is pulled from Docker Hub" in refusal
    assert "Orders/Service/TaskDefinition/Resource" in refusal

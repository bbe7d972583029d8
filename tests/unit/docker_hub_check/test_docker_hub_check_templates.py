"""Where the check looks in a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import CfnParameter
from aws_cdk import aws_eks as eks

from pythonbase.docker_hub_check.image_positions import IMAGES
from pythonbase.docker_hub_check.template_check import check_template
from tests.unit.synthesis import new_stack

HUB, OTHER = "nginx:1.29", "public.ecr.aws/docker/library/nginx:1.29"
FOUND = "PythonbaseDockerHub[docker.io/library/nginx:1.29]"


def _findings(tmp_path: Path, resource_type: str, properties: Any, **template: Any) -> list[tuple[str, str]]:
    path = tmp_path / "S.template.json"
    resource = {"Type": resource_type, "Properties": properties}
    path.write_text(json.dumps({"Resources": {"R": resource}, **template}))
    return [(finding.location, finding.rule.id) for finding in check_template(path)]


def _at(position: str, image: Any) -> tuple[dict[str, Any], str]:
    """Properties with the image at a position, in the second item of lists, and the location of it."""
    value: Any = image
    for step in reversed(position.split(".")):
        value = [{}, value] if step == "*" else {step: value}
    return value, "Properties." + position.replace("*", "1")


POSITIONS = [(kind, position) for kind, positions in IMAGES.items() for position in positions]


@pytest.mark.parametrize(("resource_type", "position"), POSITIONS)
def test_every_position_is_checked(tmp_path: Path, resource_type: str, position: str) -> None:
    properties, location = _at(position, HUB)
    assert _findings(tmp_path, resource_type, properties) == [(location, FOUND)]
    assert _findings(tmp_path, resource_type, _at(position, OTHER)[0]) == []
    ((_, unknown),) = _findings(tmp_path, resource_type, _at(position, {"Ref": "X"})[0])
    assert unknown == "PythonbaseDockerHubCannotTell[<X>]"


def test_the_positions_cover_every_service_that_runs_images() -> None:
    services = {kind.split("::")[1] for kind in IMAGES}
    assert services >= {"ECS", "CodeBuild", "Lambda", "Batch", "AppRunner", "SageMaker"}
    assert {position for kind, position in POSITIONS if kind == "AWS::Batch::JobDefinition"} == {
        "ContainerProperties.Image",
        "EcsProperties.TaskProperties.*.Containers.*.Image",
        "EksProperties.PodProperties.Containers.*.Image",
        "EksProperties.PodProperties.InitContainers.*.Image",
        "NodeProperties.NodeRangeProperties.*.Container.Image",
        "NodeProperties.NodeRangeProperties.*.EcsProperties.TaskProperties.*.Containers.*.Image",
        "NodeProperties.NodeRangeProperties.*.EksProperties.PodProperties.Containers.*.Image",
        "NodeProperties.NodeRangeProperties.*.EksProperties.PodProperties.InitContainers.*.Image",
    }


@pytest.mark.parametrize(
    ("resource_type", "position", "image"),
    [
        ("AWS::CodeBuild::Project", "Environment.Image", "aws/codebuild/standard:7.0"),
        ("AWS::Lightsail::Container", "ContainerServiceDeployment.Containers.*.Image", ":orders.app.3"),
        ("AWS::ImageBuilder::ContainerRecipe", "ParentImage", "arn:aws:imagebuilder:eu-west-1:aws:image/x/1.0.0"),
        ("AWS::S3::Bucket", "ContainerDefinitions.*.Image", HUB),
    ],
)
def test_an_image_that_is_not_pulled_is_no_finding(
    tmp_path: Path, resource_type: str, position: str, image: str
) -> None:
    assert _findings(tmp_path, resource_type, _at(position, image)[0]) == []


def test_a_name_of_aws_images_is_special_for_build_projects_only(tmp_path: Path) -> None:
    containers = {"ContainerDefinitions": [{"Image": "aws/codebuild/standard:7.0"}]}
    assert len(_findings(tmp_path, "AWS::ECS::TaskDefinition", containers)) == 1


def test_every_container_counts_and_a_branch_counts_as_if_taken(tmp_path: Path) -> None:
    sidecar = {"Fn::If": ["Traced", {"Name": "sidecar", "Image": "otel/collector:1"}, {"Ref": "AWS::NoValue"}]}
    containers = {"ContainerDefinitions": [{"Image": OTHER}, sidecar, {"Image": HUB}]}
    assert _findings(tmp_path, "AWS::ECS::TaskDefinition", containers) == [
        ("Properties.ContainerDefinitions.1.Image", "PythonbaseDockerHub[docker.io/otel/collector:1]"),
        ("Properties.ContainerDefinitions.2.Image", FOUND),
    ]


def test_containers_that_are_known_only_at_deployment_are_reported(tmp_path: Path) -> None:
    containers = {"ContainerDefinitions": {"Fn::Transform": {"Name": "Containers"}}}
    assert _findings(tmp_path, "AWS::ECS::TaskDefinition", containers) == [
        ("Properties.ContainerDefinitions", "PythonbaseDockerHubCannotTell[<Fn::Transform>]")
    ]


def test_a_container_without_an_image_is_no_finding(tmp_path: Path) -> None:
    assert _findings(tmp_path, "AWS::Lambda::Function", {"Code": {"ZipFile": "x"}}) == []
    assert _findings(tmp_path, "AWS::ECS::TaskDefinition", {}) == []


# -- Kubernetes --------------------------------------------------------------------------------------------------------

MANIFEST = "Custom::AWSCDK-EKS-KubernetesResource"


def _pod(**containers: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": containers}}}


@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_containers_of_manifests_are_found_at_any_depth(tmp_path: Path, kind: str) -> None:
    objects = [{"kind": "List", "items": [_pod(**{kind: [{"image": OTHER}, {"image": HUB}]})]}]
    assert _findings(tmp_path, MANIFEST, {"Manifest": json.dumps(objects)}) == [("Properties.Manifest", FOUND)]


def test_an_image_in_a_volume_of_a_manifest_is_found(tmp_path: Path) -> None:
    objects = [_pod(volumes=[{"name": "v", "image": {"reference": HUB}}], containers=[{"image": OTHER}])]
    assert _findings(tmp_path, MANIFEST, {"Manifest": json.dumps(objects)}) == [("Properties.Manifest", FOUND)]


def test_a_patch_is_read_like_a_manifest(tmp_path: Path) -> None:
    patch = {"ApplyPatchJson": json.dumps(_pod(containers=[{"image": HUB}])), "RestorePatchJson": "{}"}
    assert _findings(tmp_path, "Custom::AWSCDK-EKS-KubernetesPatch", patch) == [("Properties.ApplyPatchJson", FOUND)]


def test_a_manifest_with_values_that_are_known_only_at_deployment_is_read(tmp_path: Path) -> None:
    joined = [
        '[{"spec":{"replicas":',
        {"Ref": "Count"},
        ',"containers":[{"image":"nginx:',
        {"Ref": "Tag"},
        '"},{"image":"',
        {"Ref": "Image"},
        '"},{"image":"',
        {"Ref": "AWS::AccountId"},
        '.dkr.ecr.eu-west-1.amazonaws.com/a"}]}}]',
    ]
    assert _findings(tmp_path, MANIFEST, {"Manifest": {"Fn::Join": ["", joined]}}) == [
        ("Properties.Manifest", "PythonbaseDockerHubCannotTell[<Image>]"),
        ("Properties.Manifest", "PythonbaseDockerHub[docker.io/library/nginx:<Tag>]"),
    ]


@pytest.mark.parametrize(
    ("manifest", "shown"),
    [({"Ref": "X"}, "<X>"), ("no json", "<a-manifest-that-is-no-JSON>"), ('"x"', "<a-manifest-that-is-no-JSON>")],
)
def test_a_manifest_that_cannot_be_read_is_reported(tmp_path: Path, manifest: Any, shown: str) -> None:
    assert _findings(tmp_path, MANIFEST, {"Manifest": manifest}) == [
        ("Properties.Manifest", f"PythonbaseDockerHubCannotTell[{shown}]")
    ]


def test_the_manifest_that_the_cdk_writes_is_read(tmp_path: Path) -> None:
    stack = new_stack()
    tag = CfnParameter(stack, "Tag").value_as_string
    count = CfnParameter(stack, "Count", type="Number").value_as_number
    containers = [{"image": f"redis:{tag}"}, {"image": "quay.io/a/b"}]
    manifest = [{"spec": {"replicas": count, "containers": containers, "note": 'say "hi"'}}]
    value = stack.resolve(stack.to_json_string(manifest))
    assert _findings(tmp_path, MANIFEST, {"Manifest": value}) == [
        ("Properties.Manifest", "PythonbaseDockerHub[docker.io/library/redis:<Tag>]")
    ]


def test_the_resource_type_is_the_one_that_the_cdk_uses() -> None:
    assert eks.KubernetesManifest.RESOURCE_TYPE == MANIFEST


# -- buildspecs --------------------------------------------------------------------------------------------------------


def _project(buildspec: Any) -> dict[str, Any]:
    return {"Environment": {"Image": "aws/codebuild/standard:7.0"}, "Source": {"BuildSpec": buildspec}}


def _buildspec(*commands: str) -> str:
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": list(commands)}}})


def test_a_buildspec_that_pulls_from_docker_hub_is_found(tmp_path: Path) -> None:
    project = _project(_buildspec("docker pull quay.io/a/b", f"docker run --rm {HUB}", "docker pull $IMAGE"))
    assert _findings(tmp_path, "AWS::CodeBuild::Project", project) == [("Properties.Source.BuildSpec", FOUND)]


def test_in_a_buildspec_the_shell_hides_a_registry_and_the_template_does_not(tmp_path: Path) -> None:
    image = {"Ref": "Image"}
    commands = [
        "version: 0.2\n- docker pull $A/nginx\n- docker pull nginx:$B\n- docker pull ",
        "\n- docker pull ",
        ":$C\n",
    ]
    parts = [commands[0], image, commands[1], image, commands[2]]
    found = _findings(tmp_path, "AWS::CodeBuild::Project", _project({"Fn::Join": ["", parts]}))
    assert {rule for _, rule in found} == {
        "PythonbaseDockerHub[docker.io/library/nginx:$B]",
        "PythonbaseDockerHubCannotTell[<Image>]",
        "PythonbaseDockerHubCannotTell[<Image>:$C]",
    }


def test_a_buildspec_that_is_known_only_at_deployment_is_reported(tmp_path: Path) -> None:
    found = _findings(tmp_path, "AWS::CodeBuild::Project", _project({"Ref": "X"}))
    assert found == [("Properties.Source.BuildSpec", "PythonbaseDockerHubCannotTell[<X>]")]


def test_a_project_without_a_buildspec_and_images_of_aws_in_a_batch_are_no_findings(tmp_path: Path) -> None:
    project = _project(json.dumps({"batch": {"build-list": [{"env": {"image": "aws/codebuild/standard:7.0"}}]}}))
    assert _findings(tmp_path, "AWS::CodeBuild::Project", project) == []
    assert _findings(tmp_path, "AWS::CodeBuild::Project", {"Source": {"Type": "CODEPIPELINE"}}) == []

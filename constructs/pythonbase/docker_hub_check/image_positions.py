"""Which properties of CloudFormation resources name container images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pythonbase.docker_hub_check.resolver import Resolver

_POD = ("Containers.*.Image", "InitContainers.*.Image")
_JOB = (
    "EcsProperties.TaskProperties.*.Containers.*.Image",
    *(f"EksProperties.PodProperties.{position}" for position in _POD),
)

IMAGES: Mapping[str, tuple[str, ...]] = {
    "AWS::AppRunner::Service": ("SourceConfiguration.ImageRepository.ImageIdentifier",),
    "AWS::Batch::JobDefinition": (
        "ContainerProperties.Image",
        *_JOB,
        *(f"NodeProperties.NodeRangeProperties.*.{position}" for position in ("Container.Image", *_JOB)),
    ),
    "AWS::BedrockAgentCore::Runtime": ("AgentRuntimeArtifact.ContainerConfiguration.ContainerUri",),
    "AWS::CodeBuild::Project": ("Environment.Image",),
    "AWS::ECS::DaemonTaskDefinition": ("ContainerDefinitions.*.Image",),
    "AWS::ECS::ExpressGatewayService": ("PrimaryContainer.Image",),
    "AWS::ECS::TaskDefinition": ("ContainerDefinitions.*.Image",),
    "AWS::ImageBuilder::ContainerRecipe": ("ParentImage",),
    "AWS::Lambda::Function": ("Code.ImageUri",),
    "AWS::Lightsail::Container": ("ContainerServiceDeployment.Containers.*.Image",),
    "AWS::SageMaker::Model": ("PrimaryContainer.Image", "Containers.*.Image"),
    "AWS::SageMaker::ProcessingJob": ("AppSpecification.ImageUri",),
    "AWS::Serverless::Function": ("ImageUri",),
}
"""Resource type to properties; ``*`` stands for each item of a list."""

NOT_PULLED: Mapping[str, str] = {
    # Images that AWS keeps on the build hosts:
    # https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
    "AWS::CodeBuild::Project": "aws/codebuild/",
    # An image of Image Builder itself.
    "AWS::ImageBuilder::ContainerRecipe": "arn:",
    # An image that was pushed to the container service.
    "AWS::Lightsail::Container": ":",
}
"""Resource type to the prefix of values that look like references and are not pulled."""


def images(resource_type: str, properties: Any, resolver: Resolver) -> Iterator[tuple[str, str]]:
    """Location and text of each image that a resource names, with all alternatives.

    Args:
        resource_type: Type of the resource.
        properties: Its properties.
        resolver: The resolver of the resource's template.
    """
    not_pulled = NOT_PULLED.get(resource_type)
    for position in IMAGES.get(resource_type, ()):
        for location, text in _walk(properties, position.split("."), "Properties", resolver):
            if not_pulled is None or not text.startswith(not_pulled):
                yield location, text


def _walk(value: Any, steps: list[str], location: str, resolver: Resolver) -> Iterator[tuple[str, str]]:
    if not steps:
        yield from ((location, text) for text in resolver.texts(value))
        return
    step, *rest = steps
    for structure in resolver.structures(value):
        match structure:
            case list() if step == "*":
                for index, item in enumerate(structure):
                    yield from _walk(item, rest, f"{location}.{index}", resolver)
            case dict() if step in structure:
                yield from _walk(structure[step], rest, f"{location}.{step}", resolver)
            case dict() if is_function(structure):
                # Containers that are known only at deployment.
                yield location, resolver.unknown(structure)


def is_function(value: Mapping[str, Any]) -> bool:
    """Whether an object of a template is an intrinsic function."""
    return len(value) == 1 and all(key == "Ref" or key.startswith("Fn::") for key in value)

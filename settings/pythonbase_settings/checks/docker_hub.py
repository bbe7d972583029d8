"""Docker Hub images in service builds."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_buildspecs import Mirror
from pythonbase_settings.problems import Finding, SettingPath
from pythonbase_settings.sections.docker_hub import DockerHub


def check_docker_hub(docker_hub: DockerHub) -> Iterator[Finding]:
    """The mirror has the images."""
    official, other = docker_hub.official_images, docker_hub.other_images
    involved: tuple[SettingPath, ...] = (("docker_hub", "official_images"), ("docker_hub", "other_images"))
    if other is Mirror.ECR_PUBLIC:
        fix = "use deny or pull-through-cache: ECR Public has the Docker Official Images only"
        yield Finding(path=("docker_hub", "other_images"), fix=fix)
    elif other is not Mirror.DENY and official is Mirror.DENY:
        fix = "set official_images to ecr-public or pull-through-cache too: the cache has them as well"
        yield Finding(path=("docker_hub", "other_images"), fix=fix, involves=involved)

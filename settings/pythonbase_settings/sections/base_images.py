"""The section `base_images`."""

from typing import Annotated

from pydantic import Field

from pythonbase_buildspecs import ImageReference
from pythonbase_settings.fields.rules import check, rule
from pythonbase_settings.fields.schedules import schedule
from pythonbase_settings.fields.secrets import SecretReference
from pythonbase_settings.fields.types import Name, Switch
from pythonbase_settings.sections.section import Section, StandIn


def image_reference(text: str) -> str:
    """An image with its registry and tag: `public.ecr.aws/docker/library/python:3.13-slim`."""
    try:
        image = ImageReference.parse(text)
    except ValueError:
        fix = "use <registry>/<repository>:<tag>, such as public.ecr.aws/docker/library/python:3.13-slim"
        raise ValueError(fix) from None
    if not image.tag and not image.digest:
        raise ValueError(f"add the tag, such as {text}:3.13-slim")
    return text


def docker_hub_reference(text: str) -> str:
    """An image of Docker Hub with its tag, as Dockerfiles write it: `python:3.13`, `python:3.13*`."""
    fix = "use an image of Docker Hub without a registry, such as python:3.13"
    try:
        # a wildcard in the tag is no part of a reference
        image = ImageReference.parse(text.replace("*", "x"))
    except ValueError:
        raise ValueError(fix) from None
    if not image.is_docker_hub:
        raise ValueError(fix)
    if image.digest:
        raise ValueError(f"leave the digest out: {text.partition('@')[0]}")
    if not image.tag:
        raise ValueError(f"add the tag, such as {text}:3.13")
    if "*" in text.rpartition(":")[0]:
        raise ValueError(f"a * may stand in the tag only, such as {text.rpartition(':')[0].replace('*', '')}:3.13*")
    return text


def docker_hub_name(reference: str) -> str:
    """The full form of a Docker Hub reference: `python:3.13` is `docker.io/library/python:3.13`."""
    return f"{ImageReference.parse(reference.replace('*', 'x')).name}:{reference.rpartition(':')[2]}"


_Folder = Annotated[
    str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$"), rule("use the path of a folder with a Dockerfile")
]


class BaseImage(Section):
    """An image that services are built on, in a private ECR repository with this name."""

    name: Annotated[Name, StandIn("unnamed-image-{}")] = Field(
        description="Name of the ECR repository.", examples=["pythonbase"]
    )
    path: _Folder = Field(
        default_factory=lambda data: f"images/{data.get('name')}",
        description="Folder with the `Dockerfile`, relative to the settings file. If the default folder is not "
        "there, the one in this application is used. Default: `images/<name>`.",
        examples=["images/pythonbase"],
    )
    upstream: Annotated[str, check(image_reference)] = Field(
        default="public.ecr.aws/docker/library/python:3.13-slim",
        description="Image that the Dockerfile starts from: registry, repository and tag. A Docker Hub image "
        "requires `upstream_credentials`.",
    )
    upstream_credentials: SecretReference | None = Field(
        default=None,
        description='Name or ARN of a Secrets Manager secret `{"username": …, "accessToken": …}` for the registry '
        "of `upstream`. Builds always sign in to ECR and ECR Public. Default: anonymous.",
        examples=["docker-hub/pythonbase"],
    )
    refresh: Annotated[str, check(schedule)] = Field(
        default="rate(1 day)",
        description="When to check for a new upstream image: `rate()` or `cron()` of EventBridge Scheduler, in UTC, "
        "at most once an hour.",
        examples=["rate(1 day)", "cron(0 3 * * ? *)"],
    )
    stands_in_for: list[Annotated[str, check(docker_hub_reference)]] = Field(
        default=["python:3.13", "python:3.13-slim"],
        description="Docker Hub images that service builds replace with this base image. The tag may contain a `*`, "
        "such as `python:3.13*`.",
        examples=[["python:3.12", "python:3.12-slim"]],
    )
    destroy: Switch = Field(
        default=False,
        description="First of [two keys](state.md#two-keys-to-destroy) to delete the repository and its images; the "
        "second is `-c destroy=<name>`.",
    )

"""The section `docker_hub`."""

import re
from typing import Annotated

from pydantic import Field

from pythonbase_buildspecs import Mirror
from pythonbase_settings.fields.rules import check, rule
from pythonbase_settings.sections.section import Section

_CACHE_PREFIX = re.compile(r"(?=.{2,30}$)(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")


def cache_prefix(text: str) -> str:
    """The repository prefix of an ECR pull-through cache rule."""
    # https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreatePullThroughCacheRule.html
    if not _CACHE_PREFIX.fullmatch(text):
        raise ValueError(
            "use the prefix of the cache's rule: 2 to 30 lower-case letters, digits and ._-/, such as docker-hub"
        )
    return text


class DockerHub(Section):
    """Docker Hub images that service builds may use, in addition to those that a base image stands in for."""

    official_images: Annotated[Mirror, Field(strict=False), rule("use deny, ecr-public or pull-through-cache")] = Field(
        default=Mirror.ECR_PUBLIC,
        description="Docker Official Images, such as `node:22`: `ecr-public` (ECR Public's mirror), "
        "`pull-through-cache` (the account's own ECR) or `deny` (the build fails).",
        examples=["pull-through-cache"],
    )
    other_images: Annotated[Mirror, Field(strict=False), rule("use deny or pull-through-cache")] = Field(
        default=Mirror.DENY,
        description="All other images: `deny`, or `pull-through-cache` if `official_images` is not `deny`.",
        examples=["pull-through-cache"],
        json_schema_extra={"enum": ["deny", "pull-through-cache"]},
    )
    pull_through_cache_prefix: Annotated[str, check(cache_prefix)] = Field(
        default="docker-hub",
        description="Repository prefix of the account's pull-through cache rule for Docker Hub.",
        examples=["hub"],
    )

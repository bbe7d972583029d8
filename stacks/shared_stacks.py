"""What the services of a platform share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pythonbase import Network
from stacks.artifacts_stack import ArtifactsStack
from stacks.base_image_stack import BaseImageStack
from stacks.bitbucket_stack import BitbucketStack


@dataclass(frozen=True, kw_only=True)
class SharedStacks:
    """What exists before the first service, and once for all of them.

    Attributes:
        base_images: The stack of each base image, by the image's name.
        networks: The network of each environment, by the environment's name. None is the key of the network for
            services without environments.
        bitbucket: The stack of the connection to Bitbucket.
        artifacts: The stack of the artifact bucket in each other Region, by the Region.
    """

    base_images: Mapping[str, BaseImageStack]
    networks: Mapping[str | None, Network]
    bitbucket: BitbucketStack
    artifacts: Mapping[str, ArtifactsStack]

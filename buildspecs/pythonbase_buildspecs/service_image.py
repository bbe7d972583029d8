"""The buildspec that builds the image of a service."""

from __future__ import annotations

import re

from pythonbase_buildspecs.buildspec import Buildspec
from pythonbase_buildspecs.source_policy import SourcePolicy
from pythonbase_buildspecs.template import render, script

_RELATIVE_PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_CONTAINER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")


def service_image_buildspec(
    *, container_name: str, dockerfile: str = "Dockerfile", source_policy: SourcePolicy | None = None
) -> Buildspec:
    """Buildspec of a service: build ``FROM`` the base image, push under the commit id, write ``imagedefinitions.json``.

    Environment that the project provides: ``AWS_ACCOUNT_ID`` (the account that owns the base image),
    ``BASE_REPOSITORY_URI``, ``BASE_TAG`` (the tag of the base image to follow), ``REPOSITORY_URI`` and
    ``REPOSITORY_NAME`` (the service's ECR repository), ``COMMIT_ID``. Where the source policy mirrors to a
    pull-through cache: ``PULL_THROUGH_CACHE`` (registry and prefix). Optional:
    ``BUILD_CA_FILE``, a certificate bundle for networks that intercept TLS; the Dockerfile can mount it as BuildKit
    secret ``ca``.

    Docker Hub is closed to the build in two ways: BuildKit has the source policy, which sees every source; and the
    build's host has no address of Docker Hub, so that nothing but BuildKit (``docker pull``, ``docker run``, compose,
    the classic builder) can go past the policy.

    The image gets both conventions of build argument: ``Account_ID`` (for
    ``FROM ${Account_ID}.dkr.ecr.<region>.amazonaws.com/pythonbase``) and ``BASE_IMAGE`` (the whole reference, pinned to
    the digest that was current when the build started). Exports ``IMAGE_URI`` and ``BASE_IMAGE_URI``, both by digest.

    Args:
        container_name: Name of the container in the task definition, for ``imagedefinitions.json``.
        dockerfile: Path of the Dockerfile in the service's repository. Its build context is the repository's root.
        source_policy: What the build may pull. Left out: nothing from Docker Hub.

    Raises:
        ValueError: if the path is not a plain relative path or the name is not a container name.
    """
    if not _is_file_inside(dockerfile):
        raise ValueError(
            f"dockerfile must be a path inside the repository such as docker/Dockerfile, got {dockerfile!r}"
        )
    if not _CONTAINER_NAME.fullmatch(container_name):
        raise ValueError(f"container_name must be letters, digits, hyphens and underscores, got {container_name!r}")
    policy = source_policy or SourcePolicy()
    return render(
        "service_image",
        {
            "container_name": container_name,
            "dockerfile": dockerfile,
            "explain_refusal": script("explain_refusal.sh"),
            "source_policy": policy.to_json(),
        },
    )


def _is_file_inside(path: str) -> bool:
    """Whether the path is plain, stays inside, names a file, and cannot be taken for an option of ``docker``."""
    parts = path.split("/")
    return bool(_RELATIVE_PATH.fullmatch(path)) and path[0] != "-" and ".." not in parts and parts[-1] != "."

"""The buildspec that builds and refreshes a base image."""

from __future__ import annotations

from pythonbase_buildspecs.buildspec import Buildspec
from pythonbase_buildspecs.image_buildspec import image_buildspec
from pythonbase_buildspecs.source_policy import base_image_policy
from pythonbase_buildspecs.template import render, script


def base_image_buildspec() -> Buildspec:
    """Buildspec of a base image: request the upstream digest, stop if nothing changed, else build, test and push.

    Requests to a busy registry are retried with exponential backoff. From Docker Hub, the build may pull only its
    upstream image. The Dockerfile's steps can reach neither the credentials of the build host nor its Docker engine
    (see `service_image_buildspec`).

    Environment variables that the project provides: ``REPOSITORY_URI`` and ``REPOSITORY_NAME`` (the ECR repository),
    ``UPSTREAM_IMAGE`` (reference of the upstream image), ``UPSTREAM_PATIENCE`` (seconds to wait for a busy registry),
    ``SOURCE_HASH`` (fingerprint of the Dockerfile's folder) and ``MOVING_TAG`` (the tag that services follow).
    Optional: ``UPSTREAM_CREDENTIALS``, name or ARN of a secret ``{"username": …, "accessToken": …}`` for the upstream's
    registry; ``METRIC_NAMESPACE``, namespace of the metric ``DockerHubPullsRemaining``, if the upstream is on Docker
    Hub; ``BUILD_CA_FILE``, a certificate bundle for networks that intercept TLS, which the Dockerfile can mount as
    BuildKit secret ``ca``.

    The source of the build is the Dockerfile's folder. Exports ``IMAGE_URI`` (by digest).
    """
    body = render(
        "base_image.sh",
        {
            "frontend": script("own_frontend.sh"),
            "registries": script("registries.sh"),
            "source_policy": base_image_policy(),
            "upstream_script": script("upstream.py"),
            "walls": script("walls.sh"),
        },
    )
    return image_buildspec(body, exported=("IMAGE_URI",))

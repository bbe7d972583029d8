"""The buildspec that builds and refreshes a base image."""

from __future__ import annotations

from pythonbase_buildspecs.buildspec import Buildspec
from pythonbase_buildspecs.source_policy import base_image_policy
from pythonbase_buildspecs.template import render, script


def base_image_buildspec() -> Buildspec:
    """Buildspec of a base image: ask upstream for its digest, stop if nothing moved, else build, try out and push.

    A registry that is busy is asked again with growing waits. Of Docker Hub the build may use its upstream image only.
    Its steps can reach neither the credentials of the build's host nor its engine (`service_image_buildspec`).

    Environment that the project provides: ``REPOSITORY_URI`` and ``REPOSITORY_NAME`` (the ECR repository),
    ``UPSTREAM_IMAGE`` (reference of the upstream image), ``UPSTREAM_PATIENCE`` (seconds that a busy registry is waited
    for), ``SOURCE_HASH`` (fingerprint of the Dockerfile's folder) and ``MOVING_TAG`` (the tag that services follow).
    Optional: ``UPSTREAM_CREDENTIALS``, name or ARN of a secret ``{"username": …, "accessToken": …}`` for the upstream's
    registry; ``METRIC_NAMESPACE``, where ``DockerHubPullsRemaining`` is put when Docker Hub is the upstream;
    ``BUILD_CA_FILE``, a certificate bundle for networks that intercept TLS, which the Dockerfile can mount as BuildKit
    secret ``ca``.

    The source of the build is the Dockerfile's folder. Exports ``IMAGE_URI`` (by digest).
    """
    return render(
        "base_image",
        {
            "explain_refusal": script("explain_refusal.sh"),
            "source_policy": base_image_policy(),
            "upstream_script": script("upstream.py"),
            "walls": script("walls.sh"),
        },
    )

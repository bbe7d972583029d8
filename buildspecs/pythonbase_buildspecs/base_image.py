"""The buildspec that builds and refreshes a base image."""

from __future__ import annotations

from pythonbase_buildspecs.buildspec import Buildspec
from pythonbase_buildspecs.template import render


def base_image_buildspec() -> Buildspec:
    """Buildspec of a base image: ask upstream for its digest, stop if nothing moved, else build, try out and push.

    Environment that the project provides: ``REPOSITORY_URI`` and ``REPOSITORY_NAME`` (the ECR repository),
    ``UPSTREAM_IMAGE`` (reference of the upstream image), ``SOURCE_HASH`` (fingerprint of the Dockerfile's folder) and
    ``MOVING_TAG`` (the tag that services follow). Optional: ``BUILD_CA_FILE``, a certificate bundle for networks that
    intercept TLS; the Dockerfile can mount it as BuildKit secret ``ca``.

    The source of the build is the Dockerfile's folder. Exports ``IMAGE_URI`` (by digest).
    """
    return render("base_image", {})

"""The buildspecs that build the image of a service: for releases, and for pull requests."""

from __future__ import annotations

import re

from pythonbase_buildspecs.buildspec import Buildspec
from pythonbase_buildspecs.image_buildspec import image_buildspec
from pythonbase_buildspecs.source_policy import SourcePolicy
from pythonbase_buildspecs.template import render, script

_RELATIVE_PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_CONTAINER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")

REPORTS = "tests"
"""Name of the test report in a buildspec; CodeBuild calls the report group ``<project>-tests``:
https://docs.aws.amazon.com/codebuild/latest/userguide/test-report-group-naming.html"""

_EXPORTED = ("IMAGE_URI", "BASE_IMAGE_URI", "COMMIT_AUTHOR")
_REPORTS = f"""\
reports:
  {REPORTS}:
    base-directory: .test-reports
    files:
      - '**/*.xml'
    file-format: JUNITXML"""
_ARTIFACTS = """\
artifacts:
  files:
    - imagedefinitions.json"""


def service_image_buildspec(
    *,
    container_name: str,
    dockerfile: str = "Dockerfile",
    context: str = ".",
    tests: bool = False,
    source_policy: SourcePolicy | None = None,
    only_on_branch: bool = False,
) -> Buildspec:
    """Buildspec of a service: build ``FROM`` the base image, test, push with the commit id as tag, write
    ``imagedefinitions.json``.

    Environment variables that the project provides: ``AWS_ACCOUNT_ID`` (the account that owns the base image),
    ``BASE_REPOSITORY_URI``, ``BASE_TAG`` (the tag of the base image to follow), ``REPOSITORY_URI`` and
    ``REPOSITORY_NAME`` (the service's ECR repository), ``COMMIT_ID``. With tests: ``TEST_COMMAND``. If the source
    policy uses a pull-through cache: ``PULL_THROUGH_CACHE`` (registry and prefix). Optional: ``BUILD_ARGS`` (build
    arguments, a JSON object), ``BUILD_TARGET`` (a stage of the Dockerfile), ``BUILD_CA_FILE``, a
    certificate bundle for networks that intercept TLS; the Dockerfile can mount it as BuildKit secret ``ca``.

    Docker Hub is blocked in three ways. BuildKit applies the source policy to every source. The build host resolves
    the names of Docker Hub to 0.0.0.0, so that commands without BuildKit (``docker pull``, ``docker run``, compose, the
    classic builder) cannot bypass the policy. The steps of ``RUN`` resolve them to 0.0.0.0 too.

    During the build, neither the Dockerfile's steps nor ``ADD`` can reach the credentials of the build host
    (link-local addresses) or the TCP port of its Docker engine.

    The build passes both build arguments: ``Account_ID`` (for
    ``FROM ${Account_ID}.dkr.ecr.<region>.amazonaws.com/pythonbase``) and ``BASE_IMAGE`` (the full reference, pinned to
    the digest that was current when the build started). Exports ``IMAGE_URI`` and ``BASE_IMAGE_URI``, both by digest;
    the latter is ``none`` if the image's layers do not start with those of the base image.

    Tests run in the image, as its own user, without network and without credentials. If they fail, nothing is
    pushed. CodeBuild reports the JUnit files that they write to ``/reports/**/*.xml``.

    Args:
        container_name: Name of the container in the task definition, for ``imagedefinitions.json``.
        dockerfile: Path of the Dockerfile in the service's repository.
        context: Folder of the repository that the Dockerfile copies from; ``.`` is the root.
        tests: Whether to run ``TEST_COMMAND`` in the image before it is pushed.
        source_policy: What the build may pull. Default: nothing from Docker Hub.
        only_on_branch: Whether to refuse a commit that is not on the branch ``SOURCE_BRANCH``. The source must then be
            a full clone: https://docs.aws.amazon.com/codepipeline/latest/userguide/tutorials-codecommit-gitclone.html

    Raises:
        ValueError: if a path is not a plain relative path or the name is not a container name.
    """
    if not _CONTAINER_NAME.fullmatch(container_name):
        raise ValueError(f"container_name must be letters, digits, hyphens and underscores, got {container_name!r}")
    return image_buildspec(
        _body(
            dockerfile=dockerfile,
            context=context,
            tests=tests,
            source_policy=source_policy,
            outcome=script("push_image.sh", container_name=container_name),
            on_branch=script("on_branch.sh") if only_on_branch else "",
        ),
        dockerfile=dockerfile,
        context=context,
        exported=_EXPORTED,
        # The credentials of the clone are there for the fetch too.
        git_credentials=only_on_branch,
        results=f"{_REPORTS}\n\n{_ARTIFACTS}" if tests else _ARTIFACTS,
    )


def pull_request_buildspec(
    *,
    dockerfile: str = "Dockerfile",
    context: str = ".",
    tests: bool = False,
    source_policy: SourcePolicy | None = None,
) -> Buildspec:
    """Buildspec of a service's pull requests: `service_image_buildspec` without access to the service's repository.

    The image is built under the same policy, tested in the same way, and not pushed. The project provides the same
    environment variables without ``REPOSITORY_URI`` and ``REPOSITORY_NAME``. Nothing is exported, and there is no
    artifact.

    Args and Raises: as `service_image_buildspec`.
    """
    body = _body(
        dockerfile=dockerfile,
        context=context,
        tests=tests,
        source_policy=source_policy,
        outcome=script("try_image.sh"),
    )
    return image_buildspec(body, dockerfile=dockerfile, context=context, results=_REPORTS if tests else "")


def _body(
    *, dockerfile: str, context: str, tests: bool, source_policy: SourcePolicy | None, outcome: str, on_branch: str = ""
) -> str:
    if not _is_inside(dockerfile) or dockerfile == ".":
        raise ValueError(
            f"dockerfile must be a path inside the repository such as docker/Dockerfile, got {dockerfile!r}"
        )
    if context != "." and not _is_inside(context):
        raise ValueError(f"context must be a folder inside the repository such as services/orders, got {context!r}")
    policy = source_policy or SourcePolicy()
    return render(
        "service_image.sh",
        {
            "dockerfile": dockerfile,
            "context": context,
            "frontend": script("own_frontend.sh" if policy.uses_own_frontend else "named_frontend.sh"),
            "registries": script("registries.sh"),
            "walls": script("walls.sh"),
            "source_policy": policy.to_json(),
            "test_image": script("test_image.sh" if tests else "no_tests.sh"),
            "outcome": outcome,
            "on_branch": on_branch,
        },
    )


def _is_inside(path: str) -> bool:
    """Whether the path is plain, stays inside the repository, and cannot be read as an option of ``docker``."""
    parts = path.split("/")
    return bool(_RELATIVE_PATH.fullmatch(path)) and path[0] != "-" and ".." not in parts and parts[-1] != "."

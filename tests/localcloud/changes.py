"""Changes that tests push to the sample service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

ACCOUNT_ID_CONVENTION = """\
ARG Account_ID
FROM ${Account_ID}.dkr.ecr.eu-west-1.amazonaws.com/pythonbase
COPY hello.py /opt/hello.py
CMD ["python", "/opt/pythonbase/placeholder.py"]
"""
BASE_IMAGE_CONVENTION = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY hello.py /opt/hello.py
CMD ["python", "/opt/pythonbase/placeholder.py"]
"""
UNCHANGED_OFFICIAL_IMAGE = """\
FROM python:3.13-slim
COPY hello.py /opt/hello.py
CMD ["python", "/opt/pythonbase/placeholder.py"]
"""
DOES_NOT_BUILD = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN echo "this step has a reason to fail" && exit 7
"""
NEVER_HEALTHY = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
CMD ["python", "-c", "import time; time.sleep(600)"]
"""
FROM_DOCKER_HUB = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY --from=bitnami/redis:7 /opt/redis.conf /tmp/redis.conf
"""


def greet(text: str) -> Callable[[Path], None]:
    """A change of what the example answers, with the example's own Dockerfile."""

    def change(clone: Path) -> None:
        source = clone / "hello.py"
        lines = source.read_text().splitlines()
        greeting = f'GREETING = "{text}"'
        source.write_text("\n".join(greeting if line.startswith("GREETING =") else line for line in lines) + "\n")

    return change


def dockerfile(text: str) -> Callable[[Path], None]:
    """A change of the Dockerfile."""

    def change(clone: Path) -> None:
        (clone / "Dockerfile").write_text(text)

    return change

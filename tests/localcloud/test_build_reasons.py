"""Builds that fail as Dockerfiles fail: the last lines of the log say why, and our own lines are few."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from pythonbase_localcloud import docker_hub
from pythonbase_localcloud.testing.callers import unique, wait_for
from tests.localcloud.changes import dockerfile
from tests.localcloud.conftest import Platform

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("platform", order=6)]

START = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
PROGRAM = '#!/bin/sh\necho "it runs"\n'


@dataclass(frozen=True)
class Case:
    """A repository whose image does not build, and what the last lines of its log say."""

    name: str
    dockerfile: str
    says: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)


CASES = [
    Case(
        "a package that nobody has",
        START + "RUN pip install no-such-package-of-pythonbase==9\n",
        (
            "error: Dockerfile:3: RUN pip install no-such",
            "Could not find a version that satisfies the requirement no-such-package",
        ),
    ),
    Case(
        "a program that raises",
        START + "RUN python -c 'raise ValueError(42)'\n",
        ("error: Dockerfile:3: RUN python", "ValueError: 42"),
    ),
    Case(
        "a program that is missing",
        START + "RUN flask --version\n",
        ("error: Dockerfile:3: RUN flask", "flask: not found"),
    ),
    Case("no compiler", START + "RUN gcc --version\n", ("gcc: not found", "fix: ", "build-essential")),
    Case(
        "a file that is not there", START + "COPY nowhere.txt /\n", ("error: Dockerfile:3: COPY nowhere.txt", "fix: ")
    ),
    Case(
        "a file that .dockerignore leaves out",
        START + "COPY settings.env /\n",
        ("error: Dockerfile:3: COPY settings.env", "fix: ", ".dockerignore"),
        {"settings.env": "A=1\n", ".dockerignore": "*.env\n"},
    ),
    Case(
        "an instruction that does not exist",
        START + "INSTALL curl\n",
        ("error: Dockerfile:3", "unknown instruction: INSTALL"),
    ),
    Case(
        "a newer frontend",
        "# syntax=docker/dockerfile:1-labs\n" + START + "COPY --parents a /b\n",
        ("error: Dockerfile:4: the frontend of this builder, Docker", "docker/dockerfile:1-labs is on Docker Hub"),
    ),
    Case(
        "an image of Docker Hub",
        START + "COPY --from=bitnami/redis:7 /a /b\n",
        ("error: Dockerfile:3: docker.io/bitnami/redis:7 is on Docker Hub, which this build may not use",),
    ),
    Case(
        "a tag that the mirror has not",
        "FROM node:0.0.0\n",
        ("error: Dockerfile:1: FROM node:0.0.0", "public.ecr.aws/docker/library/node:0.0.0", "not found"),
    ),
    Case(
        "line endings of Windows",
        START + "COPY start.sh /\nRUN sh /start.sh\n",
        ("error: Dockerfile:4: RUN sh /start.sh", "fix: "),
        {"start.sh": "set -e\r\ncd /\r\n"},
    ),
    Case(
        "a script that may not run",
        START + "COPY start.sh /\nRUN /start.sh\n",
        ("error: Dockerfile:4: RUN /start.sh", "Permission denied", "fix: ", "chmod"),
        {"start.sh": PROGRAM},
    ),
    Case(
        "a program of another architecture",
        START + "COPY tool /\nRUN chmod +x /tool && /tool\n",
        ("error: Dockerfile:4: RUN chmod", "fix: "),
        {"tool": "\x7fELF\x02\x01\x01" + "\0" * 9 + "\x02\0\xb7\0\x01\0\0\0" + "\0" * 64},
    ),
    Case(
        "a full disk",
        START + "RUN --mount=type=tmpfs,target=/t,size=1048576 dd if=/dev/zero of=/t/x bs=1M count=9\n",
        ("error: Dockerfile:3: RUN --mount", "No space left on device", "fix: "),
    ),
    Case(
        "out of memory",
        START + "RUN sh -c 'kill -9 $$'; exit $?\n",
        ("error: Dockerfile:3: RUN sh -c", "137", "fix: ", "memory"),
    ),
    Case(
        "a name that no server knows",
        START + "RUN python -c 'import urllib.request as r; r.urlopen(\"https://no.such.host.invalid\")'\n",
        ("error: Dockerfile:3: RUN python", "socket.gaierror", "fix: "),
    ),
]


@pytest.fixture(scope="module")
def logs(platform: Platform) -> dict[str, str]:
    """The log of each case, built by a project like the service's, which gets its source from an archive."""
    codebuild, s3 = platform.cloud.client("codebuild"), platform.cloud.client("s3")
    pipeline = platform.cloud.client("codepipeline").get_pipeline(name="hello")["pipeline"]
    execution = platform.cloud.client("codepipeline").list_pipeline_executions(pipelineName="hello")
    (stage,) = [stage for stage in pipeline["stages"] if stage["name"] == "Build"]
    name = stage["actions"][0]["configuration"]["ProjectName"]
    (project,) = codebuild.batch_get_projects(names=[name])["projects"]
    bucket, own = pipeline["artifactStore"]["location"], unique("reasons")
    codebuild.create_project(
        name=own,
        serviceRole=project["serviceRole"],
        environment=project["environment"],
        logsConfig=project["logsConfig"],
        artifacts={"type": "NO_ARTIFACTS"},
        source={"type": "S3", "location": f"{bucket}/none.zip", "buildspec": project["source"]["buildspec"]},
    )
    variables = {"PIPELINE_EXECUTION_ID": execution["pipelineExecutionSummaries"][0]["pipelineExecutionId"]}

    def build(number: int, case: Case) -> str:
        key = f"reasons/{number}.zip"
        s3.put_object(Bucket=bucket, Key=key, Body=_archive({"Dockerfile": case.dockerfile, **case.files}))
        variables_of = {**variables, "COMMIT_ID": f"{number:040x}"}
        started = codebuild.start_build(
            projectName=own,
            sourceLocationOverride=f"{bucket}/{key}",
            environmentVariablesOverride=[
                {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in variables_of.items()
            ],
        )["build"]["id"]

        def ended() -> dict[str, Any] | None:
            (found,) = codebuild.batch_get_builds(ids=[started])["builds"]
            return found if found["buildComplete"] else None

        done = wait_for(ended, seconds=240)
        assert done["buildStatus"] == "FAILED", case.name
        events = platform.cloud.client("logs").get_log_events(
            logGroupName=done["logs"]["groupName"], logStreamName=done["logs"]["streamName"], startFromHead=True
        )["events"]
        return "\n".join(event["message"].rstrip("\n") for event in events)

    with ThreadPoolExecutor(4) as pool:
        said = pool.map(build, range(len(CASES)), CASES)
        return dict(zip((case.name for case in CASES), said, strict=True))


def _archive(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text.encode("latin-1"))
    return content.getvalue()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_last_lines_of_the_log_say_why_it_failed(logs: dict[str, str], case: Case) -> None:
    last = "\n".join(logs[case.name].splitlines()[-5:])
    assert "error: " in last, logs[case.name]
    for words in case.says:
        assert words in last, logs[case.name]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_our_own_lines_are_few(logs: dict[str, str], case: Case) -> None:
    log = logs[case.name]
    assert "set -euo pipefail" not in log
    # The builder numbers its lines and repeats the end of a failed step between dashes; CodeBuild's begin in brackets.
    own = [line for line in log.splitlines() if line and not line.startswith(("#", "[Container]"))]
    error = next((number for number, line in enumerate(own) if line.startswith("------")), len(own))
    assert len(own[:error]) <= 25, log


def test_the_pipelines_summary_has_no_text_of_the_script(platform: Platform, tmp_path: Path) -> None:
    execution = platform.wait_for_end(
        platform.push(tmp_path, dockerfile(START + "RUN pip install no-such-package-of-pythonbase==9\n"), message="No")
    )
    message = platform.failure(execution)["output"]["executionResult"]["errorDetails"]["message"]
    assert "Error while executing command: bash /tmp/build.sh. Reason: exit status 1" in message
    assert len(message) <= 300
    assert "error: Dockerfile:3: RUN pip install" in "\n".join(platform.build_log(execution).splitlines()[-5:])


def test_an_official_image_comes_from_ecr_public_as_soon_as_that_is_not_busy(
    platform: Platform, tmp_path: Path
) -> None:
    hub = docker_hub.control(platform.cloud.instance)
    hub.reset()
    hub.limit_upstream(0)
    recovery = Timer(15, hub.limit_upstream, [None])
    assets = "ARG BASE_IMAGE\nFROM node:22 AS assets\nFROM ${BASE_IMAGE}\nCOPY --from=assets /etc/stands-in-for /\n"
    try:
        recovery.start()
        commit = platform.push(
            tmp_path, dockerfile(f'{assets}CMD ["python", "/opt/pythonbase/placeholder.py"]\n'), message="Node's assets"
        )
        execution = platform.wait_for_end(commit)
    finally:
        recovery.join()
    log = platform.build_log(execution)
    assert execution["status"] == "Succeeded", log
    assert "the registry is busy: next attempt in 5 s: ERROR: failed to solve: " in log
    assert "429 Too Many Requests" in log
    assert "public.ecr.aws/docker/library/node:22" in log
    assert (hub.requests(), hub.pulls()) == ([], 0)

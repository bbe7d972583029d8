"""`pythonbase logs` on the deployed demo: what runs, a build that failed and one that did not, the last release."""

from __future__ import annotations

import re
import signal
import subprocess
from dataclasses import dataclass

import pytest

from pythonbase_localcloud.testing.callers import allow, session_of_caller, wait_for
from pythonbase_localcloud.testing.cloud import ROOT
from tests.localcloud.changes import BASE_IMAGE_CONVENTION, FROM_DOCKER_HUB, dockerfile
from tests.localcloud.conftest import Platform

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("platform", order=6)]

COMMAND = ROOT / ".venv" / "bin" / "pythonbase"
LINE = re.compile(r"[0-9a-f]{8} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S.*")


def logs(platform: Platform, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(
        [COMMAND, "logs", *options],
        env={**platform.cloud.environment(), **environment},
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )


def printed(platform: Platform, *options: str) -> tuple[list[str], str]:
    """The lines of the log, and what it says besides."""
    done = logs(platform, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines(), done.stderr


@dataclass(frozen=True, kw_only=True)
class Commits:
    """Two commits that were pushed, one after the other."""

    failed: str
    released: str


@pytest.fixture(scope="module")
def commits(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Commits:
    """One whose build failed, then one that was released."""
    folder = tmp_path_factory.mktemp("commits")
    failed = platform.push(folder, dockerfile(FROM_DOCKER_HUB), message="Copy from redis")
    assert platform.wait_for_end(failed)["status"] == "Failed"
    released = platform.push(folder, dockerfile(BASE_IMAGE_CONVENTION), message="Build again")
    assert platform.wait_for_end(released)["status"] == "Succeeded"
    return Commits(failed=failed, released=released)


def _tasks(platform: Platform) -> set[str]:
    arns = platform.cloud.client("ecs").list_tasks(cluster=platform.cluster, serviceName="hello")["taskArns"]
    return {arn.rpartition("/")[2][:8] for arn in arns}


# -- what runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("commits")
def test_what_the_running_tasks_log(platform: Platform) -> None:
    platform.get()
    lines = wait_for(lambda: printed(platform, "hello")[0])
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert {line.split()[0] for line in lines} <= _tasks(platform)
    assert lines == sorted(lines, key=lambda line: line.split(" ", 3)[1:3])
    _, said = printed(platform, "hello", "--since", "1d")
    assert said.startswith(f"hello: {len(_tasks(platform))} task")


@pytest.mark.usefixtures("commits")
def test_it_is_followed_until_ctrl_c(platform: Platform) -> None:
    with subprocess.Popen(
        [COMMAND, "logs", "hello", "--since", "1m", "--follow"],
        env=platform.cloud.environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stderr.readline().startswith("hello: ")
        platform.get()
        # It blocks until a line is there; the test's time limit ends it.
        assert LINE.fullmatch(process.stdout.readline().rstrip("\n"))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == ""


# -- builds ------------------------------------------------------------------------------------------------------------


def test_the_log_of_the_last_build(platform: Platform, commits: Commits) -> None:
    lines, said = printed(platform, "hello", "--build")
    assert re.fullmatch(rf"build \S+ of commit {commits.released}, started .+: SUCCEEDED\n", said)
    assert lines[0]
    execution = platform.wait_for_end(commits.released)
    assert "".join("\n".join(lines).split()) == "".join(platform.build_log(execution).split())


def test_the_log_of_a_failed_build_begins_with_the_reason(platform: Platform, commits: Commits) -> None:
    lines, said = printed(platform, "hello", "--build", commits.failed[:8])
    assert re.fullmatch(rf"build \S+ of commit {commits.failed}, started .+: FAILED\n", said)
    assert lines[0].startswith("error: Dockerfile:3: docker.io/bitnami/redis:7 is on Docker Hub, which this build may")
    reason, log = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert 1 <= len(reason) <= 6
    assert lines[0] in log
    assert len(log) > 20


# -- the last release --------------------------------------------------------------------------------------------------


def test_the_last_release_step_by_step(platform: Platform, commits: Commits) -> None:
    lines, said = printed(platform, "hello", "--release")
    steps, events = lines[: lines.index("")], lines[lines.index("") + 1 :]
    names = [step.split()[1] for step in steps]
    assert len(names) == len(set(names))
    # Not the reconciler's look after it.
    assert re.fullmatch(rf"release \S+ of commit {commits.released}, by .+, started .+: SUCCEEDED\n", said)
    assert names[0] == "Stage"
    assert names[-2:] == ["Unlock", "Released"]
    assert any("has reached a steady state" in event for event in events)


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("unknown",), "there is no service unknown in this account and Region, or it has no releases yet"),
        (("unknown", "--release"), "there is no service unknown in this account and Region"),
        (("unknown", "--build"), "there is no service unknown with a pipeline in this account and Region"),
        (("hello", "--environment", "staging"), "hello has the environments none: there is no staging"),
        (("hello", "--build", "0123456789"), "builds has a commit or an ID that starts with 0123456789"),
    ],
    ids=["service", "release", "build", "environment", "commit"],
)
def test_a_mistake_is_one_line(platform: Platform, options: tuple[str, ...], said: str) -> None:
    done = logs(platform, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pythonbase: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


# -- permissions -------------------------------------------------------------------------------------------------------


def _as(platform: Platform, actions: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run it as somebody who may do these actions."""
    session = session_of_caller(platform.cloud, allow(*actions))
    return logs(
        platform,
        "hello",
        *options,
        AWS_ACCESS_KEY_ID=session["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=session["SecretAccessKey"],
        AWS_SESSION_TOKEN=session["SessionToken"],
    )


def _documented(begin: str) -> list[str]:
    """The actions of an item of the list in the document."""
    text = (ROOT / "docs" / "logs.md").read_text()
    (item,) = [item for item in text.split("\n- ") if item.startswith(begin)]
    return re.findall(r"`([a-z]+:[A-Z]\w+)`", item)


@pytest.mark.usefixtures("commits")
@pytest.mark.parametrize(
    ("begin", "options", "refused"),
    [
        ("for what runs", ("--since", "1d"), "logs:GetLogEvents"),
        ("for `--build`", ("--build",), "codebuild:ListBuildsForProject"),
        ("for `--release`", ("--release",), "states:GetExecutionHistory"),
    ],
    ids=["tasks", "build", "release"],
)
def test_the_documented_permissions_suffice_and_a_missing_one_is_named(
    platform: Platform, begin: str, options: tuple[str, ...], refused: str
) -> None:
    actions = _documented(begin)
    assert refused in actions
    done = _as(platform, actions, *options)
    assert done.returncode == 0, done.stderr

    done = _as(platform, [action for action in actions if action != refused], *options)
    assert done.returncode == 1
    assert refused in done.stderr
    assert len(done.stderr.splitlines()) == 1

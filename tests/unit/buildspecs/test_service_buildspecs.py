"""What the buildspecs of a release and of a pull request have in common, how they differ, and how they run tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pythonbase_buildspecs import Buildspec, SourcePolicy, pull_request_buildspec, service_image_buildspec
from pythonbase_buildspecs.template import script
from tests.unit.buildspecs.commands import document

_POLICY = SourcePolicy(("python:3.13",))


def _release(*, tests: bool = True) -> Buildspec:
    return service_image_buildspec(container_name="app", context="src", tests=tests, source_policy=_POLICY)


def _pull_request(*, tests: bool = True) -> Buildspec:
    return pull_request_buildspec(context="src", tests=tests, source_policy=_POLICY)


def _code(buildspec: Buildspec) -> str:
    return buildspec.script


def test_both_are_the_same_until_the_image_is_built() -> None:
    release, pull_request = _code(_release()), _code(_pull_request())
    common = pull_request.partition('\nfor registry in "${BASE_REPOSITORY_URI%%/*}"')[0]
    assert release.startswith(common)
    assert _POLICY.to_json() in common
    assert "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY" in common
    assert "docker.io index.docker.io" in common


def test_a_pull_request_knows_no_repository_and_exports_nothing() -> None:
    buildspec = _pull_request()
    for word in ("docker push", "REPOSITORY_URI:", "REPOSITORY_NAME", "IMAGE_URI", "imagedefinitions"):
        assert word not in (buildspec.text + buildspec.script).replace("BASE_REPOSITORY_URI", "")
    assert "exported-variables" not in document(buildspec)["env"]
    assert document(buildspec).keys() == {"version", "env", "phases", "reports"}


@pytest.mark.parametrize("render", [_release, _pull_request])
def test_tests_come_after_the_build_and_before_the_push(render: type) -> None:
    code = _code(render())
    outcome = code[code.index('\nfor registry in "${BASE_REPOSITORY_URI%%/*}"') :]
    words = ["build_image\n", "test_image\n", *(["docker push"] if "docker push" in outcome else [])]
    order = [outcome.index(word) for word in words]
    assert order == sorted(order)


@pytest.mark.parametrize("render", [_release, _pull_request])
def test_junit_files_are_reported_with_tests_only(render: type) -> None:
    assert document(render())["reports"] == {
        "tests": {"base-directory": ".test-reports", "files": ["**/*.xml"], "file-format": "JUNITXML"}
    }
    without = render(tests=False)
    assert "reports" not in document(without)
    assert "docker create" not in without.script


@pytest.mark.parametrize("context", ["/src", "../src", "a/../b", "-x", "src'; true '", "a//b", ""])
def test_a_context_that_is_not_a_plain_folder_of_the_repository_is_refused(context: str) -> None:
    with pytest.raises(ValueError, match="context must be a folder inside the repository"):
        pull_request_buildspec(context=context)


# -- the scripts, with a docker that only records its arguments --------------------------------------------------------

_DOCKER = """\
#!/bin/bash
printf '%s\\n' "$*" >>"$CALLS"
case "$1" in
  create) echo the-container ;;
  start) exit "$TEST_STATUS" ;;
  cp) if [[ "$3" == the-container:* ]]; then eval "$LEFT_BEHIND"; fi ;;
esac
"""


def _test_image(folder: Path, *, status: int = 0, left_behind: str = "true") -> tuple[int, str, list[str]]:
    """Run test_image; its exit code, its output, and its calls of docker."""
    programs, source = folder / "bin", folder / "src"
    programs.mkdir()
    source.mkdir()
    (programs / "docker").write_text(_DOCKER)
    (programs / "docker").chmod(0o755)
    (source / ".test-reports").mkdir()
    (source / ".test-reports" / "committed.xml").write_text("<testsuite/>")
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script('test_image.sh')}\nimage=the-image\ntest_image\necho passed"],
        cwd=source,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(folder / "calls"),
            "TEST_COMMAND": "pytest -k 'a b' && echo $HOME",
            "TEST_STATUS": str(status),
            "LEFT_BEHIND": left_behind,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, (folder / "calls").read_text().splitlines()


def test_the_command_runs_in_the_image_without_network_and_as_it_was_written(tmp_path: Path) -> None:
    code, said, calls = _test_image(tmp_path)
    assert (code, said) == (0, "passed\n")
    assert calls == [
        "create --network none --entrypoint sh the-image -c pytest -k 'a b' && echo $HOME",
        "cp --quiet .test-reports/. the-container:/reports",
        "start --attach the-container",
        "cp --quiet the-container:/reports/. .test-reports",
        "rm --force --volumes the-container",
    ]


def test_failed_tests_end_the_build_and_leave_their_reports(tmp_path: Path) -> None:
    code, said, calls = _test_image(tmp_path, status=3, left_behind="echo '<testsuite/>' >.test-reports/junit.xml")
    assert code == 1
    assert "error: the tests ended with status 3: pytest -k 'a b' && echo $HOME" in said
    assert "passed" not in said
    assert calls[-1].startswith("rm")
    assert [path.name for path in (tmp_path / "src" / ".test-reports").iterdir()] == ["junit.xml"]


def test_a_report_that_is_in_the_repository_is_not_used(tmp_path: Path) -> None:
    _test_image(tmp_path)
    assert list((tmp_path / "src" / ".test-reports").iterdir()) == []


def test_a_link_among_the_reports_does_not_reach_codebuild(tmp_path: Path) -> None:
    left_behind = "ln -s /etc/passwd .test-reports/junit.xml; mkfifo .test-reports/pipe.xml; mkdir .test-reports/unit"
    _test_image(tmp_path, left_behind=left_behind)
    assert [path.name for path in (tmp_path / "src" / ".test-reports").iterdir()] == ["unit"]


@pytest.mark.parametrize(("link", "target"), [("src", "/root"), ("src", ".."), ("Dockerfile", "/etc/passwd")])
def test_a_link_out_of_the_repository_ends_the_build(tmp_path: Path, link: str, target: str) -> None:
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository" / link).symlink_to(target)
    code = _code(_pull_request())
    start, end = code.index("# A link in the repository"), code.index("# Only BuildKit heeds")
    assert _checked(tmp_path / "repository", code[start:end]) == (1, f"error: {link} leads out of the repository\n")


def test_a_link_inside_the_repository_is_followed(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "src").symlink_to("app")
    (tmp_path / "Dockerfile").symlink_to("src/Dockerfile")
    code = _code(_pull_request())
    start, end = code.index("# A link in the repository"), code.index("# Only BuildKit heeds")
    assert _checked(tmp_path, code[start:end]) == (0, "")


def _checked(folder: Path, code: str) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\ndockerfile=Dockerfile context=src\n{code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr

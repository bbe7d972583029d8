"""Buildspecs as pure data: their invariant, their rendering and their shell code. Execution: tests/localcloud."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pythonbase_buildspecs import (
    Buildspec,
    SourcePolicy,
    base_image_buildspec,
    pull_request_buildspec,
    service_image_buildspec,
)
from pythonbase_buildspecs import template as template_module
from pythonbase_buildspecs.template import script
from tests.unit.buildspecs.commands import commands, document

GOLDEN = Path(__file__).parent / "golden"


def _service_buildspec() -> Buildspec:
    return service_image_buildspec(
        container_name="app", dockerfile="docker/Dockerfile", source_policy=SourcePolicy(("python:3.13", "python"))
    )


def _tested_service_buildspec() -> Buildspec:
    return service_image_buildspec(
        container_name="app", dockerfile="services/orders/Dockerfile", context="services/orders", tests=True
    )


RENDERED: dict[str, Callable[[], Buildspec]] = {
    "base_image": base_image_buildspec,
    "pull_request": partial(pull_request_buildspec, tests=True),
    "service_image": _service_buildspec,
    "service_image_tested": _tested_service_buildspec,
}


@pytest.fixture(params=sorted(RENDERED))
def rendered(request: pytest.FixtureRequest) -> Buildspec:
    """Each buildspec of the project, rendered."""
    return RENDERED[request.param]()


@pytest.fixture
def template_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a template called `sample` where the renderer looks for templates."""
    folder = tmp_path / "templates"
    folder.mkdir()
    monkeypatch.setattr("pythonbase_buildspecs.template.resources.files", lambda _package: tmp_path)

    def write(text: str) -> None:
        (folder / "sample").write_text(text)

    return write


# -- the invariant -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "version: 0.1\n", "phases: {}\n", "\nversion: 0.2\n", " version: 0.2\n"])
def test_a_text_that_does_not_start_with_version_0_2_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must start with 'version: 0\.2', got"):
        Buildspec(text)


@pytest.mark.parametrize("left", ["%{", "%{name}", "%{Not-A-Name}"])
def test_a_text_with_a_placeholder_left_is_refused(left: str) -> None:
    with pytest.raises(ValueError, match=r"placeholder left in the buildspec: '%\{"):
        Buildspec(f"version: 0.2\nphases: {left}\n")


def test_a_text_that_cloudformation_would_change_is_refused() -> None:
    with pytest.raises(ValueError, match="a buildspec must be ASCII"):
        Buildspec("version: 0.2\n# \u2026\n")


def test_a_text_that_is_too_long_for_a_project_is_refused() -> None:
    with pytest.raises(ValueError, match="a buildspec may have 25600 characters, got 25613"):
        Buildspec("version: 0.2\n" + "#" * 25_600)


def test_a_text_with_a_cdk_token_is_refused() -> None:
    with pytest.raises(ValueError, match=r"CDK token.*environment variable"):
        Buildspec("version: 0.2\n# ${Token[AWS.AccountId.8]}\n")


def test_shell_text_that_looks_like_a_placeholder_is_kept() -> None:
    text = "version: 0.2\n# ${NAME%%/*} $1 {} ${} $(x) $$ 100% %s %% {{.Manifest.Digest}}\n"
    assert Buildspec(text).text == text


# -- rendering ---------------------------------------------------------------------------------------------------------


def test_only_placeholders_are_replaced(template_text: Callable[[str], None]) -> None:
    template_text("version: 0.2\n# %{a_1} ${a_1} $a_1 {a_1} {} ${} {{.X}} ${Y%%/*} $$ %s 5%\n")
    expected = "version: 0.2\n# <x> ${a_1} $a_1 {a_1} {} ${} {{.X}} ${Y%%/*} $$ %s 5%\n"
    assert template_module.render("sample", {"a_1": "<x>"}) == expected


def test_a_placeholder_alone_on_its_line_takes_sections_and_goes_away_when_empty(
    template_text: Callable[[str], None],
) -> None:
    template_text("version: 0.2\nenv:\n  shell: bash\n  # here: %{more}\n# a comment: %{word}\n# here: %{last}\n")
    full = template_module.render("sample", {"more": "a:\n  - b", "word": "w", "last": "c:\n  d: e"})
    assert full == "version: 0.2\nenv:\n  shell: bash\n  a:\n    - b\n# a comment: w\nc:\n  d: e\n"
    empty = template_module.render("sample", {"more": "", "word": "w", "last": ""})
    assert empty == "version: 0.2\nenv:\n  shell: bash\n# a comment: w\n"


def test_a_malformed_placeholder_is_refused(template_text: Callable[[str], None]) -> None:
    template_text("version: 0.2\n# %{Not-A-Name}\n")
    with pytest.raises(ValueError, match="line 2"):
        template_module.render("sample", {})


def test_a_value_is_not_rendered_again(template_text: Callable[[str], None]) -> None:
    template_text("version: 0.2\n# %{one} %{two}\n")
    for value in ("$two ${two} {two}", "%{two}"):
        assert template_module.render("sample", {"one": value, "two": "2"}).endswith(f"# {value} 2\n")


def test_a_placeholder_without_a_value_is_refused(template_text: Callable[[str], None]) -> None:
    template_text("version: 0.2\n# %{one} %{two}\n")
    with pytest.raises(KeyError, match="two"):
        template_module.render("sample", {"one": "1"})


def test_a_value_without_a_placeholder_is_refused(template_text: Callable[[str], None]) -> None:
    template_text("version: 0.2\n# %{one}\n")
    with pytest.raises(ValueError, match="template sample has no placeholder three, two"):
        template_module.render("sample", {"one": "1", "two": "2", "three": "3"})


@pytest.mark.parametrize("value", ["a\nb", "a\r\nb", "a\rb", "a\n"])
def test_a_value_of_several_lines_is_refused(template_text: Callable[[str], None], value: str) -> None:
    template_text("version: 0.2\n# %{one}\n")
    with pytest.raises(ValueError, match="value of one must be one line"):
        template_module.render("sample", {"one": value})


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_the_rendered_buildspec_is_the_golden_file(name: str) -> None:
    buildspec = RENDERED[name]()
    # The programs of the script are files of their own in the repository.
    code = buildspec.script
    for program in ("explain.py", "known_failures.py", "upstream.py"):
        code = code.replace(script(program), f"<{program}>")
    for golden, text in ((GOLDEN / f"{name}.yml", buildspec.text), (GOLDEN / f"{name}.sh", code)):
        if os.environ.get("UPDATE_GOLDEN"):
            golden.write_text(text)
        assert text == golden.read_text(), "if the change is meant: UPDATE_GOLDEN=1 (see golden/README.md)"


# -- what goes into the service's buildspec ----------------------------------------------------------------------------

INJECTIONS = [
    "", " ", "a b", "a'b", 'a"b', "a;b", "a|b", "a&b", "$(id)", "`id`", "${HOME}", "$HOME", "a\\b", "a\nb", "a\n",
    "\na", "*", "a\x00b", "%{x}", "~root/x", "<x", "é", "a#b",
]  # fmt: skip


@pytest.mark.parametrize(
    "dockerfile",
    [*INJECTIONS, "/etc/passwd", "../x", "a/../b", "a/..", "..", ".", "a/.", "-f", "--file=x", "a//b", "a/", "/"],
)
def test_a_dockerfile_that_is_not_a_plain_path_inside_the_repository_is_refused(dockerfile: str) -> None:
    with pytest.raises(ValueError, match="dockerfile must be a path inside the repository"):
        service_image_buildspec(container_name="app", dockerfile=dockerfile)


@pytest.mark.parametrize(
    "dockerfile", ["Dockerfile", "docker/Dockerfile", ".docker/api.Dockerfile", "./Dockerfile", "a..b/x-1", "_x"]
)
def test_a_plain_path_reaches_the_build_quoted(dockerfile: str) -> None:
    code = service_image_buildspec(container_name="app", dockerfile=dockerfile).script
    assert f"\ndockerfile='{dockerfile}'\n" in code
    assert '--file "$to_build" ' in code


@pytest.mark.parametrize("container_name", [*INJECTIONS, "a.b", "a/b", "-a", "_a", "x" * 256])
def test_a_name_that_is_not_a_container_name_is_refused(container_name: str) -> None:
    with pytest.raises(ValueError, match="container_name must be letters, digits, hyphens and underscores, got"):
        service_image_buildspec(container_name=container_name)


def test_a_container_name_of_ecs_is_accepted() -> None:
    assert "'My-app_1'" in service_image_buildspec(container_name="My-app_1").script


def test_without_a_policy_the_default_one_applies() -> None:
    assert SourcePolicy().to_json() in service_image_buildspec(container_name="app").script


# -- the shell code ----------------------------------------------------------------------------------------------------


def test_a_build_stops_at_the_first_command_that_fails(rendered: Buildspec) -> None:
    head, body = rendered.script.split("\n(\n")
    body = body.partition('\n) 2>&1 | tee "$work/output"\n')[0]
    assert head.splitlines()[3] == "set -uo pipefail"
    assert body.splitlines()[0] == "set -euo pipefail"
    assert not re.search(r"set \+|\|\| *(true|:)", body), "an error must not be swallowed"


def test_the_shell_is_bash(rendered: Buildspec) -> None:
    assert document(rendered)["env"]["shell"] == "bash"


def test_what_a_build_writes_is_for_its_own_user(rendered: Buildspec, tmp_path: Path) -> None:
    head = rendered.script.split("\n(\n")[0].replace("work=/tmp/build", f"work={tmp_path}/work")
    subprocess.run(["bash", "-c", f"umask 022\n{head}"], check=True)
    assert (tmp_path / "work").stat().st_mode & 0o777 == 0o700


def test_only_the_reason_is_printed_after_a_failed_build(rendered: Buildspec) -> None:
    # CodeBuild also runs post_build and finally if the build failed: nothing may be published there.
    phases = document(rendered)["phases"]
    assert all(phase.keys() == {"commands"} for phase in phases.values()), "no finally, no on-failure: CONTINUE"
    assert phases["post_build"]["commands"] == ["test ! -s /tmp/build/why || cat /tmp/build/why"]


def test_the_commands_that_codebuild_prints_are_short(rendered: Buildspec) -> None:
    assert len(commands(rendered)) == 4
    assert all(len(command) < 80 and "\n" not in command for command in commands(rendered))


def test_the_environment_of_the_build_is_all_that_is_read(rendered: Buildspec) -> None:
    code = "\n".join([*commands(rendered), rendered.script])
    read = set(re.findall(r"\$\{?([A-Z][A-Z0-9_]*)", code))
    assigned = set(re.findall(r"\b([A-Z][A-Z0-9_]*)=", code))
    given = {
        "AWS_ACCOUNT_ID", "BASE_REPOSITORY_URI", "BASE_TAG", "BUILD_ARGS", "BUILD_CA_FILE", "BUILD_SCRIPT",
        "BUILD_TARGET", "COMMIT_ID",
        "METRIC_NAMESPACE",
        "MOVING_TAG", "PIPELINE_EXECUTION_ID", "PIPELINE_NAME", "PULL_THROUGH_CACHE", "REPOSITORY_NAME",
        "REPOSITORY_URI", "SOURCE_HASH", "TEST_COMMAND", "UPSTREAM_CREDENTIALS", "UPSTREAM_IMAGE", "UPSTREAM_PATIENCE",
    }  # fmt: skip
    assert read - assigned - {"PIPESTATUS", "SECONDS"} <= given  # bash sets these


def test_shellcheck_finds_nothing(rendered: Buildspec, tmp_path: Path) -> None:
    script = tmp_path / "buildspec.sh"
    script.write_text(rendered.script)
    assert _shellcheck(script) == (0, "")


def test_shellcheck_would_find_something(tmp_path: Path) -> None:
    script = tmp_path / "bad.sh"
    script.write_text("#!/bin/bash\ncd $UNQUOTED\n")
    code, findings = _shellcheck(script)
    assert (code, "SC2086" in findings) == (1, True)


def test_every_command_is_whole_by_itself(rendered: Buildspec) -> None:
    for code in (*commands(rendered), rendered.script):
        done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def _shellcheck(script: Path) -> tuple[int, str]:
    command = [
        str(Path(sys.executable).parent / "shellcheck"),
        "--norc",
        "--severity=style",
        "--format=gcc",
        str(script),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


# -- what the templates promise ----------------------------------------------------------------------------------------


def test_the_base_image_is_tried_before_it_is_pushed_and_pushed_before_the_tag_moves() -> None:
    build = base_image_buildspec().script
    order = [build.index(words) for words in ("docker buildx build", "docker run", "docker push", "aws ecr put-image")]
    assert order == sorted(order)


def test_a_service_image_gets_both_conventions_of_build_argument() -> None:
    build = _service_buildspec().script
    assert '--build-arg "Account_ID=$AWS_ACCOUNT_ID"' in build
    assert '--build-arg "BASE_IMAGE=$base_image"' in build
    assert 'base_image="$BASE_REPOSITORY_URI@$base_digest"' in build


def test_a_service_image_is_released_by_digest_and_labelled_with_its_base() -> None:
    build = _service_buildspec().script
    assert '--label "org.opencontainers.image.base.digest=$base_digest"' in build
    assert 'export IMAGE_URI="$REPOSITORY_URI@$digest"' in build
    assert '"$IMAGE_URI" >imagedefinitions.json' in build
    assert document(_service_buildspec())["artifacts"] == {"files": ["imagedefinitions.json"]}


@pytest.mark.parametrize(
    ("name", "exported"),
    [("base_image", ["IMAGE_URI"]), ("service_image", ["IMAGE_URI", "BASE_IMAGE_URI", "COMMIT_AUTHOR"])],
)
def test_the_variables_for_the_pipeline_are_exported(name: str, exported: list[str]) -> None:
    buildspec = RENDERED[name]()
    assert document(buildspec)["env"]["exported-variables"] == exported
    for variable in exported:
        assert re.search(rf"^\s*export {variable}\b", buildspec.script, re.MULTILINE)


def test_no_image_name_is_written_into_a_buildspec() -> None:
    for render in (base_image_buildspec, lambda: service_image_buildspec(container_name="app")):
        named = render().text + render().script
        # What the scripts say of Docker Hub is not what a build pulls, nor are the names that its host must not find.
        for name in ("upstream.py", "explain.py", "known_failures.py", "own_frontend.sh", "registries.sh", "walls.sh"):
            named = named.replace(script(name), "")
        named = re.sub(r"docker-image://[^\"]*", "", named)
        assert "docker.io" not in named
        assert "amazonaws.com" not in named
        assert "tonistiigi" not in named


# -- what the scripts in a buildspec say -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("# syntax=docker/dockerfile:1\nFROM x\n", "#\nFROM x\n"),
        ("#syntax=docker.io/docker/dockerfile:1.7-labs\nFROM x\n", "#\nFROM x\n"),
        ("#  SynTax = docker/dockerfile-upstream:master@sha256:ab  \r\nFROM x\r\n", "#\nFROM x\r\n"),
        ("\ufeff# syntax=index.docker.io/docker/dockerfile\nFROM x\n", "#\nFROM x\n"),
        ("# syntax=docker/dockerfile:1\n# escape=`\nFROM `\n x\n", "# escape=`\n#\nFROM `\n x\n"),
        ("# check=skip=all\n# syntax=docker/dockerfile:1 and more\nFROM x\n", "# check=skip=all\n#\nFROM x\n"),
        ("#!/usr/bin/env build\n# syntax=docker/dockerfile:1\nFROM x\n", "#!/usr/bin/env build\n#\nFROM x\n"),
        # Frontends of others, and lines that are no directive, stay.
        ("# syntax=acme/dockerfile:1\nFROM x\n", None),
        ("# syntax=docker/dockerfiles:1\nFROM x\n", None),
        ("# syntax=public.ecr.aws/docker/dockerfile:1\nFROM x\n", None),
        ("# escape=docker/dockerfile\nFROM x\n", None),
        ("# a comment\n# syntax=docker/dockerfile:1\nFROM x\n", None),
        ("\n# syntax=docker/dockerfile:1\nFROM x\n", None),
        ("FROM x\nRUN <<END\n# syntax=docker/dockerfile:1\nEND\n", None),
    ],
)
def test_dockers_own_frontend_is_left_to_the_builder(tmp_path: Path, written: str, read: str | None) -> None:
    (tmp_path / "a.Dockerfile").write_bytes(written.encode())
    (tmp_path / "a.Dockerfile.dockerignore").write_text("secret\n")
    code = f"set -euo pipefail\nwork=. dockerfile=a.Dockerfile\n{script('own_frontend.sh')}\nown_frontend"
    subprocess.run(["bash", "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "dockerfile" / "a.Dockerfile").read_bytes().decode() == (read or written)
    assert (tmp_path / "dockerfile" / "a.Dockerfile.dockerignore").read_text() == "secret\n"


_BUSY = "ERROR: failed to solve: public.ecr.aws/docker/library/node:22: unexpected status: 429 Too Many Requests"
_STEP = 'ERROR: process "/bin/sh -c useradd -u 500 A; echo 503 Service" did not complete successfully: exit code: 9'
_CLOSED = 'ERROR: failed to do request: Head "https://docker.io/x": dial tcp 0.0.0.0:443: connect: connection refused'


@pytest.mark.parametrize(
    ("answers", "waits", "status"),
    [
        (["ok"], [], 0),
        ([_BUSY, "ok"], [5], 0),
        (["toomanyrequests: Rate exceeded", "Error response from daemon: 503 Service Unavailable", "ok"], [5, 10], 0),
        (["received unexpected HTTP status: 502 Bad Gateway", "ok"], [5], 0),
        ([_BUSY] * 5, [5, 10, 20], 1),
        # Neither a step of the Dockerfile that fails nor Docker Hub, which is closed, gets better by waiting.
        (["#9 0.8 ERROR: 503 Service Unavailable\n0.8 ERROR: 503 Service\nERROR: exit code: 1"], [], 1),
        ([_STEP], [], 1),
        (["ERROR: failed to do request: dial tcp: lookup registry.acme.example: no such host"], [], 1),
        ([_CLOSED], [], 1),
    ],
)
def test_a_busy_registry_is_asked_again(tmp_path: Path, answers: list[str], waits: list[int], status: int) -> None:
    for number, answer in enumerate(answers):
        (tmp_path / f"answer{number}").write_text(f"{answer}\n")
    code = f"""
        set -euo pipefail
        work=. patience=60
        sleep() {{ echo "$1" >>waits; SECONDS=$((SECONDS + $1)); }}
        ask() {{
          local number
          number="$(wc -l <asked)"
          echo >>asked
          cat "answer$number"
          [ "$(cat "answer$number")" = ok ]
        }}
        touch asked waits
        {script("registries.sh")}
        patiently ask || exit $?
    """
    done = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ((tmp_path / "waits").read_text().split(), done.returncode) == ([str(wait) for wait in waits], status)
    if status == 1 and waits:
        assert done.stdout.splitlines()[-1] == f"error: the registry still refuses: {answers[0]}"


# -- walls of a build's host, whose effect tests/localcloud/test_build_walls.py tries ----------------------------------


@pytest.mark.parametrize(
    ("fails", "said", "status"),
    [
        ("never", ["insert", "insert", "insert", "insert", "built", "delete", "delete", "delete", "delete"], 0),
        ("insert", ["insert"], 4),
        ("INPUT", ["insert", "insert"], 4),
        ("lo", ["insert", "insert", "insert", "insert"], 4),
        ("delete", ["insert", "insert", "insert", "insert", "built", "delete"], 4),
    ],
)
def test_without_its_walls_nothing_is_built(fails: str, said: list[str], status: int) -> None:
    # As the templates call it: whoever looks at a status switches `set -e` off.
    host = f"""
        set -euo pipefail
        iptables() {{ echo "${{2#--}}"; case " ${{2#--}} $* " in *" {fails} "*) return 4 ;; esac; }}
        docker() {{ echo built; }}
        {script("walls.sh")}
        build_behind_walls . 2>&1 || exit $?
    """
    done = subprocess.run(["bash"], input=host, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.returncode) == (said, status), done.stderr

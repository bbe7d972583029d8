"""`services[].build`: what may be set, and what becomes of it in the projects of releases and of pull requests."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from pythonbase import BuildOptions
from pythonbase_settings import SettingsError, load_settings
from tests.unit.synthesis import Resource, environment, new_platform, platform_stacks, resources

SERVICE = "services:\n  - name: orders\n    repository: acme/orders\n    build: "


def _projects(**build: Any) -> list[Resource]:
    service = {"name": "orders", "repository": "acme/orders", "pull_requests": True, "build": build}
    stack = platform_stacks(new_platform({"services": [service]}))["Orders"]
    return list(resources(Template.from_stack(stack), "AWS::CodeBuild::Project").values())


def test_both_projects_get_all_of_it() -> None:
    arguments = {"PIP_INDEX_URL": "https://pypi.example.com/simple", "EMPTY": ""}
    projects = _projects(args=arguments, target="runtime", timeout=30, compute="xlarge")
    assert len(projects) == 2
    for project in projects:
        variables = environment(project)
        assert json.loads(variables["BUILD_ARGS"]) == arguments
        assert variables["BUILD_TARGET"] == "runtime"
        assert project.properties["TimeoutInMinutes"] == 30
        assert project.properties["Environment"]["ComputeType"] == "BUILD_GENERAL1_XLARGE"


def test_without_it_a_build_is_as_before() -> None:
    for project in _projects():
        assert environment(project).keys().isdisjoint({"BUILD_ARGS", "BUILD_TARGET"})
        assert project.properties["TimeoutInMinutes"] == 60
        assert project.properties["Environment"]["ComputeType"] == "BUILD_GENERAL1_SMALL"


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("{args: {BASE_IMAGE: x}}", "remove it: each build gets BASE_IMAGE"),
        ("{args: {BUILDKIT_SYNTAX: x}}", "arguments that begin with BUILDKIT_ change the builder"),
        ("{args: {1A: x}}", "use letters, digits and underscores"),
        ("{args: {A: 1}}", 'got 1; quote it: "1"'),
        ('{args: {A: "a\\nb"}}', "use a text in quotes, in one line"),
        ("{target: '-x'}", "use the name of a stage of the Dockerfile"),
        ("{timeout: 4}", "use minutes: 5 to 480"),
        ("{compute: huge}", "use small, medium, large or xlarge"),
        ("{argument: 1}", "unknown"),
    ],
)
def test_a_mistake_is_said_in_one_line(tmp_path: Path, build: str, said: str) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(f"{SERVICE}{build}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    (problem,) = caught.value.problems
    assert said in str(problem)


def test_a_secret_among_the_arguments_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(f"{SERVICE}{{args: {{NPM_TOKEN: hunter2}}}}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert "hunter2" not in str(caught.value)
    assert "remove NPM_TOKEN: build arguments are visible in the image's history" in str(caught.value)


@pytest.mark.parametrize("name", ["BASE_IMAGE", "Account_ID", "BUILDKIT_SYNTAX", "A-B", "", "A\n"])
def test_the_library_refuses_arguments_that_the_build_sets_or_docker_does_not_take(name: str) -> None:
    with pytest.raises(ValueError, match="args has a name that cannot be used"):
        BuildOptions(args={name: "x"})


def test_arguments_reach_docker_as_they_are_written() -> None:
    template = Path("buildspecs/pythonbase_buildspecs/templates/service_image.sh").read_text()
    lines = template[template.index("  arguments=()") : template.index("  run_build()")]
    arguments = {"A": 'a "b" $c `d` \\e', "B": "", "C": "--x=y z"}
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{lines}\nprintf '%s\\n' \"${{arguments[@]}}\""],
        env={"PATH": "/usr/bin:/bin", "BUILD_ARGS": json.dumps(arguments), "BUILD_TARGET": "runtime"},
        capture_output=True,
        text=True,
        check=True,
    )
    given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    assert done.stdout.splitlines() == [*given, "--target", "runtime"]

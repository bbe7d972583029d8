"""Buildspecs and artifacts as data."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from pythonbase_localcloud.aws.codebuild.artifacts import ArtifactError, collect
from pythonbase_localcloud.aws.codebuild.buildspec import Artifacts, BuildspecError, parse


def test_a_whole_buildspec_is_read() -> None:
    spec = parse("""
version: 0.2
env:
  shell: bash
  variables: {FLAG: true, NUMBER: 3}
  parameter-store: {P: /name}
  secrets-manager: {S: "id:key"}
  exported-variables: [OUT]
phases:
  post_build: {commands: [echo late]}
  build: {on-failure: CONTINUE, commands: [echo b], finally: [echo f]}
artifacts: {files: ["**/*"], base-directory: dist, discard-paths: yes}
""")
    assert (spec.shell, dict(spec.variables), spec.exported_variables) == (
        "bash",
        {"FLAG": "true", "NUMBER": "3"},
        ("OUT",),
    )
    assert [(phase.name, phase.on_failure, phase.finally_) for phase in spec.phases] == [
        ("BUILD", "CONTINUE", ("echo f",)),
        ("POST_BUILD", "ABORT", ()),
    ]
    assert spec.artifacts == Artifacts(files=("**/*",), base_directory="dist", discard_paths=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("phases: {}", "version"),
        ("version: 0.2\nphases: [", "YAML_FILE_ERROR"),
        ("version: 0.2\nphases: {build: {commands: echo}}", "commands must be a list"),
        ("version: 0.2\nenv: [x]", "env must be a mapping"),
    ],
)
def test_a_wrong_buildspec_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(BuildspecError, match=why):
        parse(text)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("dist/a.txt", "dist/sub/b.txt", "dist/sub/.hidden", "other.txt"):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "src"


@pytest.mark.parametrize(
    ("artifacts", "names"),
    [
        (Artifacts(files=("**/*",), base_directory="dist"), {"a.txt", "sub/b.txt", "sub/.hidden"}),
        (Artifacts(files=("dist/**/*",), exclude=("dist/sub/*",)), {"dist/a.txt"}),
        (Artifacts(files=("dist/sub/b.txt", "other.txt"), discard_paths=True), {"b.txt", "other.txt"}),
        (Artifacts(files=("dist",)), {"dist/a.txt", "dist/sub/b.txt", "dist/sub/.hidden"}),
    ],
)
def test_patterns_select_files(tree: Path, tmp_path: Path, artifacts: Artifacts, names: set[str]) -> None:
    collect(tree, artifacts, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert set(archive.namelist()) == names


def test_a_pattern_without_match_fails(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no matching artifact paths found for nothing"):
        collect(tree, Artifacts(files=("other.txt", "nothing")), tmp_path / "out.zip")

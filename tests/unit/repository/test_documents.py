"""What the documents name exists: files, headings, commands; hooks and CI run what `make lint` runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pythonbase_operations.subcommands import parser

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "localcloud/*.md")
    for path in ROOT.glob(pattern)
    if not {".venv", "node_modules", "cdk.out"} & {*path.parts}
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and editors make them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    texts = (re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text).lower().replace(" ", "-") for text in texts}


def _broken(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in _anchors(target):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_has_a_target(page: Path) -> None:
    assert list(_broken(page)) == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = "\n".join([*_COMMAND.findall(text), *re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))])
    made = set(re.findall(r"^(?:[A-Z_]+=\S+ )?make ([a-z-]+)", commands, re.MULTILINE))
    assert made <= _targets()
    known = parser().format_help()
    run = set(re.findall(r"^(?:\S*/)?pythonbase ([a-z]+)", commands, re.MULTILINE))
    assert {name for name in run if not re.search(rf"\b{name}\b", known)} == set()


def test_the_hooks_run_the_tools_of_make_lint() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"], "hooks of elsewhere are downloaded"
    entries = {hook["entry"].replace(" --force-exclude", "") for hook in hooks[0]["hooks"]}
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    commands = [line.strip().replace("$(PYTHON)", ".venv/bin/python") for line in recipe[1].splitlines()]
    # Hooks get the names of the files that are committed.
    assert entries == {re.sub(r"( scripts/\* \.ci/run| \.)$", "", command) for command in commands}


def test_the_pipeline_of_this_repository_takes_nothing_from_docker_hub() -> None:
    pipeline = yaml.safe_load((ROOT / "bitbucket-pipelines.yml").read_text())
    assert pipeline["image"] == "public.ecr.aws/docker/library/python:3.13"
    steps = [item["step"] for item in pipeline["definitions"]["steps"]]
    assert not [step for step in steps if {"image", "services"} & step.keys()]
    run = {line.removeprefix("make ") for step in steps for line in step["script"]}
    assert run == {"lint", "test-unit", "synth"}

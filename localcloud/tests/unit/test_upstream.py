"""Upstream images: how references are read, and which registry answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pythonbase_localcloud.images import upstream
from pythonbase_localcloud.images.upstream import Record, Reference
from pythonbase_localcloud.machine.commands import LocalCloudError

PYTHON = "public.ecr.aws/docker/library/python:3.13-slim"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PYTHON, Reference("public.ecr.aws", "docker/library/python", "3.13-slim")),
        ("python", Reference("docker.io", "library/python", "latest")),
        ("acme/tool:1", Reference("docker.io", "acme/tool", "1")),
        ("docker.io/python:3.13", Reference("docker.io", "library/python", "3.13")),
        ("localhost:5000/a/b", Reference("localhost:5000", "a/b", "latest")),
        ("ghcr.io/a/b:1@sha256:" + "0" * 64, Reference("ghcr.io", "a/b", "sha256:" + "0" * 64)),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected


@pytest.mark.parametrize("text", ["", "UPPER", "public.ecr.aws/", "a b"])
def test_what_is_no_reference_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(LocalCloudError, match="is not an image reference such as"):
        Reference.parse(text)


def test_docker_hub_is_reached_under_its_api_name() -> None:
    assert Reference.parse("python:3.13").api_host == "registry-1.docker.io"


def test_the_decision_about_a_registry_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "made")
    Record(tmp_path / "upstream.json").decide([PYTHON], bundle=None)
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "internet")
    again = Record(tmp_path / "upstream.json")
    again.decide([PYTHON, "ghcr.io/a/b:1"], bundle=None)
    assert again.made_hosts() == ["public.ecr.aws"]


def test_a_registry_that_nobody_answers_for_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALCLOUD_UPSTREAM", raising=False)
    assert not upstream.is_reachable("127.0.0.1:9", bundle=None)


def test_a_misspelt_choice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "yes")
    with pytest.raises(LocalCloudError, match="LOCALCLOUD_UPSTREAM must be one of auto, internet, made, got 'yes'"):
        upstream.is_reachable("public.ecr.aws", bundle=None)

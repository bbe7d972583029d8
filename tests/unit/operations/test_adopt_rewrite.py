"""Rewriting references in Dockerfiles to the convention; everything else stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pythonbase_buildspecs import Mirror, SourcePolicy
from pythonbase_operations.adopt import rewrite as rewriting
from pythonbase_operations.adopt.convention import BASE_IMAGE_CONVENTION, Convention, account_id_convention
from pythonbase_operations.adopt.model import FileError
from pythonbase_operations.adopt.rewrite import rewrite
from pythonbase_operations.adopt.survey import survey
from tests.unit.synthesis import ROOT

POLICY = SourcePolicy(("python:3.13", "python:3.13-slim"), official_images=Mirror.ECR_PUBLIC)
CORPUS = sorted((ROOT / "tests" / "corpus" / "dockerfiles").iterdir())


def written(folder: Path, data: bytes, convention: Convention = BASE_IMAGE_CONVENTION, *, times: int = 1) -> bytes:
    """A Dockerfile after the rewrite."""
    path = folder / "Dockerfile"
    path.write_bytes(data)
    for _ in range(times):
        rewrite(survey([folder], POLICY, convention), convention)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"FROM python:3.13-slim AS x\n", b"ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS x\n"),
        (b"FROM python:3.13", b"ARG BASE_IMAGE\nFROM ${BASE_IMAGE}"),
        (
            b"\xef\xbb\xbfFROM python:3.13 \r\nRUN x\r\n",
            b"\xef\xbb\xbfARG BASE_IMAGE\r\nFROM ${BASE_IMAGE} \r\nRUN x\r\n",
        ),
        (b"RUN=1\r\n", b"RUN=1\r\n"),
        (
            b"# escape=`\n# what it is\n\nARG V=3.13\n"
            b"  from --platform=linux/amd64 `\n # c\n\tpython:${V}\t`\n  as x  \n",
            b"# escape=`\n# what it is\n\nARG V=3.13\nARG BASE_IMAGE\n"
            b"  from --platform=linux/amd64 `\n # c\n\t${BASE_IMAGE}\t`\n  as x  \n",
        ),
        (
            b"ARG BASE_IMAGE\nFROM python:3.13 AS a\nFROM ${BASE_IMAGE}\n",
            b"ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS a\nFROM ${BASE_IMAGE}\n",
        ),
        (
            b"FROM python:3.13 AS python\nFROM python\nRUN <<E\nFROM python:3.13\nE\n# FROM python:3.13\n",
            b"ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS python\nFROM python\n"
            b"RUN <<E\nFROM python:3.13\nE\n# FROM python:3.13\n",
        ),
        (
            b"FROM nginx AS web\nCOPY --from=redis:8 /a /a\nRUN --mount=from=alpine,target=/alpine echo from=alpine\n",
            b"FROM public.ecr.aws/docker/library/nginx:latest AS web\n"
            b"COPY --from=public.ecr.aws/docker/library/redis:8 /a /a\n"
            b"RUN --mount=from=public.ecr.aws/docker/library/alpine:latest,target=/alpine echo from=alpine\n",
        ),
        (
            b'# caf\xe9\nFROM python:3.13\nLABEL a="\xe9"\n',
            b'# caf\xe9\nARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nLABEL a="\xe9"\n',
        ),
        # references without a replacement
        (b"FROM pyt\\\nhon:3.13\n", b"FROM pyt\\\nhon:3.13\n"),
        (b"FROM acme/tool\nCOPY --from=python:3.13 /a /a\n", b"FROM acme/tool\nCOPY --from=python:3.13 /a /a\n"),
    ],
)
def test_references_are_replaced_and_every_other_byte_stays(tmp_path: Path, before: bytes, after: bytes) -> None:
    assert written(tmp_path, before) == after


def test_the_account_id_convention(tmp_path: Path) -> None:
    convention = account_id_convention(region="eu-west-1", base_image="pythonbase")
    expected = b"ARG Account_ID\nFROM ${Account_ID}.dkr.ecr.eu-west-1.amazonaws.com/pythonbase\n"
    assert written(tmp_path, b"FROM python:3.13\n", convention) == expected


@pytest.mark.parametrize(
    "convention", [BASE_IMAGE_CONVENTION, account_id_convention(region="eu-west-1", base_image="b")]
)
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_second_rewrite_changes_nothing(tmp_path: Path, path: Path, convention: Convention) -> None:
    once = written(tmp_path, path.read_bytes(), convention)
    assert written(tmp_path, path.read_bytes(), convention, times=2) == once


def test_the_corpus_is_rewritten_where_it_can_be(tmp_path: Path) -> None:
    changed = [path for path in CORPUS if written(tmp_path, path.read_bytes()) != path.read_bytes()]
    assert len(changed) > 90


def test_mode_and_other_files_stay(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_bytes(b"FROM python:3.13\n")
    path.chmod(0o751)
    assert rewrite(survey([tmp_path], POLICY, BASE_IMAGE_CONVENTION), BASE_IMAGE_CONVENTION) == [str(path)]
    assert path.stat().st_mode & 0o7777 == 0o751
    assert [entry.name for entry in tmp_path.iterdir()] == ["Dockerfile"]


def test_a_failed_write_leaves_the_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "Dockerfile").write_bytes(b"FROM python:3.13\n")
    found = survey([tmp_path], POLICY, BASE_IMAGE_CONVENTION)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FileError, match=r"Dockerfile: cannot be written: No space left on device"):
        rewrite(found, BASE_IMAGE_CONVENTION)
    assert (tmp_path / "Dockerfile").read_bytes() == b"FROM python:3.13\n"
    assert os.listdir(tmp_path) == ["Dockerfile"]


def test_a_link_inside_the_repository_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "prod").write_bytes(b"FROM python:3.13\n")
    (tmp_path / "Dockerfile").symlink_to("docker/prod")
    rewrite(survey([tmp_path], POLICY, BASE_IMAGE_CONVENTION), BASE_IMAGE_CONVENTION)
    assert (tmp_path / "Dockerfile").is_symlink()
    assert b"BASE_IMAGE" in (tmp_path / "docker" / "prod").read_bytes()


def test_a_link_out_of_the_repository_is_a_problem_and_its_target_is_unchanged(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"FROM python:3.13\n")
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "Dockerfile").symlink_to(outside)
    found = survey([repository], POLICY, BASE_IMAGE_CONVENTION)
    assert [problem.message for problem in found.problems] == ["a symbolic link to a target outside the repository"]
    assert rewrite(found, BASE_IMAGE_CONVENTION) == []
    assert outside.read_bytes() == b"FROM python:3.13\n"


def test_a_file_that_changed_since_it_was_read_is_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_bytes(b"FROM python:3.13\n")
    found = survey([tmp_path], POLICY, BASE_IMAGE_CONVENTION)
    path.write_bytes(b"# a new first line\nFROM python:3.13\n")
    with pytest.raises(FileError, match="Dockerfile: "):
        rewrite(found, BASE_IMAGE_CONVENTION)
    assert path.read_bytes() == b"# a new first line\nFROM python:3.13\n"


def test_a_result_that_means_something_else_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_bytes(b"FROM python:3.13\n")
    wrong = Convention("BASE_IMAGE", "python:3.12 AS x y")
    with pytest.raises(FileError):
        rewriting.rewritten(path.read_bytes(), survey([tmp_path], POLICY, wrong).findings, wrong)

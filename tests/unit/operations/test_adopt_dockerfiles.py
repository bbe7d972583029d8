"""What adopt reads in Dockerfiles. tests/localcloud compares it with what the builder reads."""

from __future__ import annotations

import pytest

from pythonbase_operations.adopt.model import Build, FileError, Reach, Use
from pythonbase_operations.adopt.stages import images
from pythonbase_operations.adopt.words import WordError, expand


def read(text: str, build: Build | None = None) -> list[Use]:
    return images(text.encode(), build or Build())


def names(text: str, reach: Reach = Reach.BUILT, build: Build | None = None) -> list[str]:
    return [use.reference.canonical for use in read(text, build) if use.reach is reach]


def test_every_instruction_that_names_images_is_found_with_its_line() -> None:
    found = read(
        "# syntax=docker/dockerfile:1\n"
        "ARG VERSION=3.13\n"
        "FROM python:${VERSION} AS app\n"
        "COPY --from=nginx:1.29 /a /a\n"
        "RUN --mount=type=cache,target=/c \\\n"
        "    --mount=type=bind,from=redis:8,target=/b true\n"
        "ONBUILD COPY --from=alpine /a /a\n"
    )
    assert [(use.line, use.place, use.written, use.reach) for use in found] == [
        (1, "# syntax", "docker/dockerfile:1", Reach.BUILT),
        (3, "FROM", "python:${VERSION}", Reach.BUILT),
        (4, "COPY --from", "nginx:1.29", Reach.BUILT),
        (6, "RUN --mount=from", "redis:8", Reach.BUILT),
        (7, "ONBUILD COPY --from", "alpine", Reach.TRIGGER),
    ]
    assert found[1].reference.canonical == "docker.io/library/python:3.13"


def test_a_name_on_a_line_of_its_own_has_that_line() -> None:
    (found,) = read("FROM \\\n  # which one\n  python:3.13 \\\n  AS app\n")
    assert found.line == 3


def test_an_image_of_a_stage_that_is_not_built_is_marked() -> None:
    text = "FROM node:24 AS assets\nFROM redis AS unused\nFROM nginx\nCOPY --from=assets /a /a\n"
    assert names(text) == ["docker.io/library/node:24", "docker.io/library/nginx:latest"]
    assert names(text, Reach.TARGET) == ["docker.io/library/redis:latest"]
    assert names(text, build=Build(target="unused")) == ["docker.io/library/redis:latest"]


def test_build_arguments_replace_defaults_of_declared_arguments_only() -> None:
    build = Build(arguments={"IMAGE": "nginx:1"})
    assert names("ARG IMAGE=redis\nFROM $IMAGE\n", build=build) == ["docker.io/library/nginx:1"]
    assert names("FROM ${IMAGE:-redis}\n", build=build) == ["docker.io/library/redis:latest"]


def test_a_trigger_that_the_build_itself_runs_is_built() -> None:
    text = "FROM redis AS parent\nONBUILD COPY --from=nginx /a /a\nFROM parent\n"
    assert "docker.io/library/nginx:latest" in names(text)
    assert names(text, Reach.TRIGGER) == []


def test_text_in_a_heredoc_is_not_an_instruction() -> None:
    assert names("FROM nginx\nRUN <<EOF\nFROM redis\nEOF\n") == ["docker.io/library/nginx:latest"]


def test_an_error_has_its_line_and_does_not_hide_the_frontend() -> None:
    with pytest.raises(FileError, match="unknown instruction PULL") as caught:
        read("# syntax=docker/dockerfile:1\nFROM nginx\nPULL redis\n")
    assert caught.value.line == 3
    assert [use.written for use in caught.value.seen] == ["docker/dockerfile:1"]


def test_a_dockerfile_that_crashes_a_builder_is_an_error() -> None:
    # Docker 26 panics on a Dockerfile with nothing but ARG, so no test compares adopt with it.
    with pytest.raises(FileError, match="without FROM"):
        read("ARG VERSION\n")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("$A", "a/b.c"),
        ("${A}x", "a/b.cx"),
        ("$AB", ""),
        ("${EMPTY-x}${EMPTY:-y}${NONE-z}", "yz"),
        ("${EMPTY+x}${EMPTY:+y}${NONE+z}${A+w}", "xw"),
        ("${A?no}", "a/b.c"),
        ("${A#*/}", "b.c"),
        ("${A%.*}", "a/b"),
        ("${AAA##*/}|${AAA#*/}|${AAA%%/*}|${AAA%/*}", "c|b/c|a|a/b"),
        ("${AAA/\\//-}|${AAA//b/x}|${AAA/?/x}", "a-b/c|a/x/c|x/b/c"),
        ("${NONE:-${A}}", "a/b.c"),
        ("'$A'\"$A\"", "$Aa/b.c"),
        ('\\$A"\\$A\\x"', "$A$A\\x"),
        ("cost$", "cost$"),
        ("$1$@", ""),
    ],
)
def test_variables_are_replaced(word: str, expected: str) -> None:
    assert expand(word, {"A": "a/b.c", "AAA": "a/b/c", "EMPTY": ""}) == expected


@pytest.mark.parametrize(
    "word",
    ["${", "${}", "${A", "${:-x}", "${A!x}", "${A:/x}", "${A:-x", "'x", '"x', "${NONE?no}", "${EMPTY:?no}", "${A#\\x}"],
)
def test_a_malformed_substitution_is_refused(word: str) -> None:
    with pytest.raises(WordError):
        expand(word, {"A": "a", "EMPTY": ""})


def test_another_escape_character_is_used() -> None:
    assert expand("`$A\\", {"A": "a"}, escape="`") == "$A\\"

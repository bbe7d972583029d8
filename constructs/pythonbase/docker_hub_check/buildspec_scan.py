"""Images that the text of a buildspec names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from pythonbase.docker_hub_check.shell_words import engine_calls, operands, values_of

BUILDX_DEFAULT = "moby/buildkit:buildx-stable-1"
"""The image of a builder with the docker-container driver: https://docs.docker.com/build/builders/drivers/docker-container/"""

_COMMENT = re.compile(r"^\s*(?:-\s+)?#(?!\s*syntax=).*$", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n\s*")
_FOLDED = re.compile(r"^(?P<indent>\s*)(?:-\s+|[\w-]+:\s*)+>[-+0-9]*\s*$")
_IMAGE_KEY = re.compile(r"""^\s*(?:-\s+)?["']?image["']?\s*:\s*["']?([^\s"',#}]+)""")
_SYNTAX = re.compile(r"#\s*syntax=([^\s\"']+)")
# At the start of a line, or of text that echo or printf write to a Dockerfile.
_INSTRUCTION = r"""(?:^\s*|["']|\\n)"""
_FROM = re.compile(
    rf"""{_INSTRUCTION}FROM\s+(?:--platform=\S+\s+)?([^\s"'\\]+)(?:\s+[Aa][Ss]\s+([\w.-]+))?(?=\s*(?:$|["']|\\n))"""
)
_COPY = re.compile(r"""(?:^\s*|["']|\\n)(?:COPY|ADD|RUN)\s.*?(?:--from=|,from=)([^\s"',\\]+)""")
_ARG = re.compile(rf"""{_INSTRUCTION}ARG\s+(\w+)=([^\s"'\\]+)""")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?:[^}\w][^}]*)?\}|(\w+)|\([^)]*\))|`[^`]*`")
_IMAGE_ARGUMENT = re.compile(r"(?:.*_)?(?:BASE|FROM|\w*IMAGE)", re.IGNORECASE)


def images(text: str, hole: Callable[[str], str]) -> Iterator[str]:
    """References in a buildspec's text, with holes for shell variables.

    Finds, in any command except comment lines:

    - the image of ``docker pull``, ``run``, ``create``, ``buildx imagetools`` and ``manifest inspect``; also with
      podman, nerdctl and finch;
    - of ``docker build`` and ``buildx build``: ``--build-arg`` whose name is BASE or FROM or ends with IMAGE,
      ``--build-context …=docker-image://…``, ``--cache-from``;
    - the image that ``docker buildx create`` runs, which is on Docker Hub if none is named;
    - ``FROM`` (with defaults of ``ARG``), ``COPY --from``, ``RUN --mount=…from=`` and ``# syntax=`` of a Dockerfile
      that a here-document, ``echo`` or ``printf`` writes;
    - keys ``image:``, of a batch build or of a Compose file in a here-document.

    Does not find what is not in the text: scripts, Dockerfiles and Compose files of the repository, values of shell
    variables (``nginx:$TAG`` is found, because its registry and repository are in the text). The source policy of the
    build refuses what it pulls from there.

    Args:
        text: The buildspec, YAML or JSON, with holes for unknown values. A file name contains no images.
        hole: Returns the hole for a label.
    """
    for found in _references(text):
        yield _VARIABLE.sub(lambda match: hole(match[0] if match[0].startswith("$") else "$(…)"), found)


def _references(text: str) -> Iterator[str]:
    if text.lstrip().startswith("{"):
        try:
            yield from _in_json(json.loads(text, strict=False))
        except ValueError:
            yield from _in_text(text)
    elif "\n" in text.strip():
        yield from _in_text(text)


def _in_json(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _in_text(value)
    elif isinstance(value, list):
        for item in value:
            yield from _in_json(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "image" and isinstance(item, str):
                yield item
            else:
                yield from _in_json(item)


def _in_text(text: str) -> Iterator[str]:
    lines = list(_lines(text))
    yield from _in_dockerfiles(lines)
    for line in lines:
        if key := _IMAGE_KEY.match(line):
            yield key[1]
        for words in engine_calls(line):
            yield from _of_call(words)


def _lines(text: str) -> Iterator[str]:
    """Logical lines: comments removed, continuation lines and YAML's folded blocks joined."""
    folded: list[str] = []
    depth = -1
    for line in _CONTINUED.sub(" ", _COMMENT.sub("", text)).splitlines():
        indent = len(line) - len(line.lstrip())
        if depth >= 0 and line.strip() and indent <= depth:
            yield " ".join(folded)
            folded, depth = [], -1
        if depth >= 0:
            folded.append(line.strip())
        elif start := _FOLDED.match(line):
            depth = len(start["indent"])
        else:
            yield line
    yield " ".join(folded)


def _in_dockerfiles(lines: list[str]) -> Iterator[str]:
    stages = {"scratch"}
    defaults: dict[str, str] = {}

    def pulled(reference: str) -> Iterator[str]:
        known = _VARIABLE.sub(lambda match: defaults.get(match[1] or match[2] or "", match[0]), reference)
        if known.lower() not in stages and not known.isdecimal():
            yield known

    for line in lines:
        for syntax in _SYNTAX.finditer(line):
            yield syntax[1]
        defaults |= {match[1]: match[2] for match in _ARG.finditer(line)}
        for match in _FROM.finditer(line):
            yield from pulled(match[1])
            stages.add((match[2] or "scratch").lower())
        for match in _COPY.finditer(line):
            yield from pulled(match[1])


def _of_call(words: list[str]) -> Iterator[str]:
    """What one call of an engine pulls."""
    command = operands(words)
    match command[1:] if command[:1] in (["image"], ["container"]) else command:
        case ["pull", *rest]:
            yield from operands(rest, flags="aq")[:1]
        case ["run" | "create", *rest]:
            yield from operands(rest)[:1]
        case ["build", *rest] | ["buildx", "build", *rest] | ["builder", "build", *rest]:
            yield from _of_build(rest)
        case ["buildx", "create", *rest]:
            yield from _of_builder(rest)
        case ["buildx", "imagetools", "inspect", *rest] | ["manifest", "inspect", *rest]:
            yield from operands(rest)[:1]


def _of_build(words: list[str]) -> Iterator[str]:
    for argument in values_of("--build-arg", words):
        name, equals, value = argument.partition("=")
        if equals and value and _IMAGE_ARGUMENT.fullmatch(name):
            yield value
    for context in values_of("--build-context", words):
        _, image, reference = context.partition("docker-image://")
        if image:
            yield reference
    for cache in values_of("--cache-from", words):
        fields = dict(field.partition("=")[::2] for field in cache.split(","))
        if "=" not in cache:
            yield cache
        elif fields.get("type") == "registry" and "ref" in fields:
            yield fields["ref"]


def _of_builder(words: list[str]) -> Iterator[str]:
    if next(values_of("--driver", words), "docker-container") not in {"docker-container", "kubernetes"}:
        return
    options = [option for value in values_of("--driver-opt", words) for option in value.split(",")]
    yield next((option[len("image=") :] for option in options if option.startswith("image=")), BUILDX_DEFAULT)

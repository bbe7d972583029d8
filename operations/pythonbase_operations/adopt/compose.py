"""Reads a compose file: images of services and of their builds.

https://docs.docker.com/reference/compose-file/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import yaml

from pythonbase_operations.adopt import stages
from pythonbase_operations.adopt.model import Build, Contents, FileError, Reach, Unknown, Use
from pythonbase_operations.adopt.names import contents, interpolated, is_image_context, named
from pythonbase_operations.adopt.yaml_nodes import get, items, line, read_yaml, sequence, text, text_line

Sibling = Callable[[str], bytes | None]
"""Reads another file by its path relative to the compose file; None if that is not possible."""


def read(data: bytes, *, sibling: Sibling) -> Contents:
    """Images and Dockerfiles that a compose file names. Pipelines do not run Compose, so the policy does not apply.

    Raises:
        FileError: if it is malformed.
    """
    found: list[Use | Unknown | None] = []
    dockerfiles: list[str] = []
    for name, service in items(get(read_yaml(data), "services")):
        place = f"services.{name}"
        build = get(service, "build")
        image = get(service, "image")
        # With `build`, `image` is the name of the built image.
        if image is not None and build is None:
            found.append(_named(image, f"{place}.image"))
        found += _build(build, f"{place}.build", dockerfiles, sibling)
    return contents(found, dockerfiles)


def _named(node: yaml.Node, place: str) -> Use | Unknown | None:
    written = text(node) or ""
    return named(written, line=line(node), place=place, value=interpolated(written))


def _build(build: yaml.Node | None, place: str, dockerfiles: list[str], sibling: Sibling) -> list[Use | Unknown | None]:
    found: list[Use | Unknown | None] = []
    for key, context in _pairs(get(build, "additional_contexts")).items():
        if is_image_context(text(context) or ""):
            found.append(_named(context, f"{place}.additional_contexts.{key}"))
    arguments = _pairs(get(build, "args"))
    inline = get(build, "dockerfile_inline")
    if inline is not None:
        return found + list(_inline(inline, f"{place}.dockerfile_inline", arguments))
    path = _dockerfile(build)
    if path is not None:
        dockerfiles.append(path)
        found += _from_arguments(sibling(path), f"{place}.args", arguments)
    return found


def _dockerfile(build: yaml.Node | None) -> str | None:
    """Path of a build's Dockerfile; None if it is remote, absolute, or depends on a variable."""
    context = text(build) or text(get(build, "context")) or ("." if build is not None else None)
    name = text(get(build, "dockerfile")) or "Dockerfile"
    if context is None or "$" in context + name or ":" in context or name.startswith("/") or context.startswith("/"):
        return None
    return str(PurePosixPath(context) / name)


def _pairs(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """A mapping; Compose also accepts a list of ``name=value``."""
    pairs = dict(items(node))
    for entry in sequence(node):
        name, equals, value = (text(entry) or "").partition("=")
        if equals:
            pairs[name] = yaml.ScalarNode("tag:yaml.org,2002:str", value, entry.start_mark, entry.end_mark)
    return pairs


def _values(arguments: Mapping[str, yaml.Node]) -> dict[str, str]:
    return {name: interpolated(text(value) or "") for name, value in arguments.items()}


def _inline(node: yaml.Node, place: str, arguments: Mapping[str, yaml.Node]) -> list[Use]:
    first = text_line(node)
    try:
        uses = stages.images((text(node) or "").replace("$$", "$").encode(), Build(arguments=_values(arguments)))
    except FileError as error:
        raise FileError(f"{place}: {error.message}", first + (error.line or 1) - 1) from None
    return [
        replace(use, line=first + use.line - 1, place=f"{place} {use.place}", reach=Reach.OUTSIDE, span=None)
        for use in uses
    ]


def _from_arguments(data: bytes | None, place: str, arguments: Mapping[str, yaml.Node]) -> list[Use | Unknown | None]:
    """Images that a Dockerfile names only with the build arguments of the compose file."""
    values = _values(arguments)
    if data is None or not values:
        return []
    try:
        usual = {use.reference for use in stages.images(data, Build())}
    except FileError:
        usual = set()  # such as FROM ${IMAGE} without a default
    try:
        uses = stages.images(data, Build(arguments=values))
    except FileError:
        return []
    found: list[Use | Unknown | None] = []
    for use in uses:
        if use.reference not in usual:
            node = next((arguments[name] for name in values if name in use.written), None)
            where = line(node) if node is not None else line(next(iter(arguments.values())))
            found.append(replace(use, line=where, place=f"{place} for {use.place}", reach=Reach.OUTSIDE, span=None))
    return found

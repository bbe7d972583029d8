"""Reads the files of CI systems: buildspecs of CodeBuild and pipelines of Bitbucket.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
https://support.atlassian.com/bitbucket-cloud/docs/bitbucket-pipelines-configuration-reference/
"""

from __future__ import annotations

import yaml

from pythonbase_operations.adopt import commands
from pythonbase_operations.adopt.model import Contents, Unknown, Use
from pythonbase_operations.adopt.names import contents, named
from pythonbase_operations.adopt.yaml_nodes import get, items, line, read_yaml, sequence, text, text_line, walk

_PIPE_OF_AN_IMAGE = "docker://"


def read_buildspec(data: bytes) -> Contents:
    """Images in the commands of a buildspec's phases, and build images of a batch.

    Raises:
        FileError: if it is malformed.
    """
    document = read_yaml(data)
    found: list[Use | Unknown | None] = []
    dockerfiles: list[str] = []
    for _, phase in items(get(document, "phases")):
        for key in ("commands", "finally"):
            _scripts(get(phase, key), found, dockerfiles)
    for key, node in walk(get(document, "batch")):
        image = get(node, "image") if key == "env" else None
        name = text(image)
        # aws/codebuild/… are CodeBuild's own images, not repositories of Docker Hub.
        if image is not None and name and not name.startswith("aws/codebuild/"):
            found.append(named(name, line=line(image), place="batch env.image"))
    return contents(found, dockerfiles)


def read_bitbucket(data: bytes) -> Contents:
    """Images of steps and services, and images in the commands of steps.

    Raises:
        FileError: if it is malformed.
    """
    found: list[Use | Unknown | None] = []
    dockerfiles: list[str] = []
    # Variables of a pipe are not keys of the pipeline, even if one is called `image`.
    for key, node in walk(read_yaml(data), but=frozenset({"variables"})):
        if key == "image":
            image = node if isinstance(node, yaml.ScalarNode) else get(node, "name")
            name = text(image)
            if image is not None and name:
                found.append(named(name, line=line(image), place="image"))
        elif key in ("script", "after-script"):
            _scripts(node, found, dockerfiles)
        elif key == "pipe" and (text(node) or "").startswith(_PIPE_OF_AN_IMAGE):
            name = (text(node) or "").removeprefix(_PIPE_OF_AN_IMAGE)
            found.append(named(name, line=line(node), place="pipe"))
    return contents(sorted(found, key=lambda item: item.line if item else 0), dockerfiles)


def _scripts(node: yaml.Node | None, found: list[Use | Unknown | None], dockerfiles: list[str]) -> None:
    for entry in sequence(node):
        script = text(entry)
        if script is not None:
            images, paths = commands.images(script, line=text_line(entry))
            found += images
            dockerfiles += paths

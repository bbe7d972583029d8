"""The source policy of a service's builds, from options and from `platform.yaml`.

The defaults are those of the settings. Only the keys that are needed here are read: the file may have errors elsewhere,
or settings of another version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pythonbase_buildspecs import Mirror, SourcePolicy
from pythonbase_operations.adopt.model import FileError
from pythonbase_operations.adopt.yaml_nodes import get, line, read_yaml, sequence, text
from pythonbase_settings import BaseImage, DockerHub, Settings
from pythonbase_settings.prefix import prefixed


class PolicyError(ValueError):
    """Invalid options or settings."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The options of the caller; None if an option is not given.

    Args:
        config: A platform.yaml.
        base_image: Name of the base image.
        stands_in_for: Images that the base image replaces.
        official_images: What happens to other Docker Official Images.
        other_images: What happens to the rest of Docker Hub.
    """

    config: Path | None = None
    base_image: str | None = None
    stands_in_for: Sequence[str] | None = None
    official_images: str | None = None
    other_images: str | None = None


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What a service is built with: the name of its base image, the policy, and the Region if the settings name it."""

    base_image: str
    policy: SourcePolicy
    region: str | None


def platform(choices: Choices) -> Platform:
    """The platform of the choices: options take precedence over the settings file, the file over defaults.

    Raises:
        PolicyError: if the file cannot be read, or a value is wrong.
    """
    document = _document(choices.config)
    image = _base_image(document, choices)
    hub, usual = get(document, "docker_hub"), DockerHub()
    official = choices.official_images or text(get(hub, "official_images")) or usual.official_images
    other = choices.other_images or text(get(hub, "other_images")) or usual.other_images
    try:
        policy = SourcePolicy(
            stands_in_for=tuple(choices.stands_in_for or image.stands_in_for),
            official_images=Mirror(official),
            other_images=Mirror(other),
        )
    except ValueError as error:
        raise PolicyError(str(error)) from None
    return Platform(base_image=image.name, policy=policy, region=text(get(document, "environment", "region")))


def _document(config: Path | None) -> yaml.Node | None:
    if config is None:
        return None
    try:
        return read_yaml(config.read_bytes())
    except OSError as error:
        raise PolicyError(f"{config}: cannot be read: {error.strerror}") from None
    except FileError as error:
        raise PolicyError(f"{config}:{error.line or 1}: {error.message}") from None


def _base_image(document: yaml.Node | None, choices: Choices) -> BaseImage:
    """The base image, with its name in AWS. Default: the first of the file, as for services that name none."""
    usual = Settings().base_images[0]
    prefix = text(get(document, "prefix")) or ""
    images = sequence(get(document, "base_images"))
    names = [text(get(image, "name")) or usual.name for image in images]
    if not images:
        return usual.model_copy(update={"name": choices.base_image or prefixed(usual.name, prefix)})
    name = choices.base_image or names[0]
    if name not in names:
        raise PolicyError(f"--base-image-name must be one of base_images ({', '.join(names)}), got {name!r}")
    found = usual.model_copy(update={"name": prefixed(name, prefix)})
    entries = get(images[names.index(name)], "stands_in_for")
    if entries is None:
        return found
    values = [text(entry) for entry in sequence(entries)]
    if not isinstance(entries, yaml.SequenceNode) or None in values:
        raise PolicyError(f"{choices.config}:{line(entries)}: stands_in_for must be a list of images")
    return found.model_copy(update={"stands_in_for": values})

"""The prefix of all names of a platform. It keeps two platforms in one account apart."""

from __future__ import annotations

from functools import partial

from pythonbase_settings.settings import Settings


def prefixed(name: str, prefix: str) -> str:
    """The name in AWS: with the prefix and a hyphen."""
    return f"{prefix}-{name}" if prefix else name


def with_prefix(settings: Settings) -> Settings:
    """The settings with the names in AWS: the prefix and a hyphen before each name of the file."""
    if not settings.prefix:
        return settings
    named = partial(prefixed, prefix=settings.prefix)
    bitbucket = settings.bitbucket
    if "connection_name" not in bitbucket.model_fields_set:
        bitbucket = bitbucket.model_copy(update={"connection_name": named(bitbucket.connection_name)})
    return settings.model_copy(
        update={
            "bitbucket": bitbucket,
            "base_images": [item.model_copy(update={"name": named(item.name)}) for item in settings.base_images],
            "services": [
                item.model_copy(update={"name": named(item.name), "base_image": named(item.base_image)})
                for item in settings.services
            ],
        }
    )

"""The prefix of a platform: what keeps its names apart from those of another one in the same account."""

from __future__ import annotations

from functools import partial

from pythonbase_settings.settings import Settings


def prefixed(name: str, prefix: str) -> str:
    """The name that something has in AWS."""
    return f"{prefix}-{name}" if prefix else name


def with_prefix(settings: Settings) -> Settings:
    """The settings with the names that things have in AWS: each name in the file after the prefix and a hyphen."""
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

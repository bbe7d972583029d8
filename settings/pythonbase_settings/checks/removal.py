"""Nothing is destroyed that services still need."""

from __future__ import annotations

from collections.abc import Iterator

from pythonbase_settings.problems import Finding, SettingPath, place
from pythonbase_settings.settings import Settings


def check_destroy(settings: Settings) -> Iterator[Finding]:
    """Nothing is destroyed that services still need."""
    bitbucket: SettingPath = ("bitbucket", "destroy")
    if settings.bitbucket.destroy and settings.bitbucket.connection_arn:
        fix = "remove it: bitbucket.connection_arn names a connection that this application does not own"
        yield Finding(path=bitbucket, fix=fix, involves=(("bitbucket", "connection_arn"),))
    marked = {image.name: index for index, image in enumerate(settings.base_images) if image.destroy}
    for index, service in enumerate(settings.services):
        at: SettingPath = ("services", index, "destroy")
        if service.destroy:
            continue
        if settings.bitbucket.destroy and not settings.bitbucket.connection_arn:
            fix = f"remove it, or set {place(at)} too: the service's pipeline needs the connection"
            yield Finding(path=bitbucket, fix=fix, involves=(at,))
        if service.base_image in marked:
            path: SettingPath = ("base_images", marked[service.base_image], "destroy")
            fix = f"remove it, or set {place(at)} too: the service is built on {service.base_image}"
            yield Finding(path=path, fix=fix, involves=(at, ("services", index, "base_image")))

"""Base images: their Dockerfile, their upstream image, and the images that they stand in for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pythonbase_buildspecs import ImageReference
from pythonbase_settings.checks.repeated import check_repeated
from pythonbase_settings.image_folders import image_folder
from pythonbase_settings.problems import Finding, SettingPath, shown_text
from pythonbase_settings.sections.base_images import BaseImage, docker_hub_name
from pythonbase_settings.settings import Settings


def check_image_folders(settings: Settings, *, settings_file: Path, application: Path) -> Iterator[Finding]:
    """Base images without a Dockerfile."""
    for index, image in enumerate(settings.base_images):
        folder = image_folder(image, settings_file=settings_file, application=application)
        got = shown_text(image.path)
        concerned: tuple[SettingPath, ...] = (("base_images", index, "path"), ("base_images", index, "name"))
        path: SettingPath = ("base_images", index, "path" if "path" in image.model_fields_set else "name")
        if not folder.is_dir():
            fix = f"there is no such folder beside {settings_file.name}; create it with a Dockerfile, or set path"
            yield Finding(path=path, got=got, fix=fix, involves=concerned)
        elif not (folder / "Dockerfile").is_file():
            fix = "the folder has no file called Dockerfile; add one"
            yield Finding(path=path, got=got, fix=fix, involves=concerned)


def check_upstream(image: BaseImage, at: SettingPath) -> Iterator[Finding]:
    """An upstream image on Docker Hub needs credentials."""
    upstream = ImageReference.parse(image.upstream)
    if upstream.is_docker_hub and image.upstream_credentials is None:
        mirror = (
            f"use public.ecr.aws/docker/{upstream.canonical.partition('/')[2]}, or " if upstream.is_official else ""
        )
        fix = f"that is Docker Hub, whose pulls are limited: {mirror}add upstream_credentials"
        yield Finding(path=(*at, "upstream"), fix=fix, involves=((*at, "upstream_credentials"),))


def check_stand_ins(image: BaseImage, at: SettingPath) -> Iterator[Finding]:
    """Each Docker Hub image is listed once, in any spelling."""
    yield from check_repeated([docker_hub_name(reference) for reference in image.stands_in_for], at)

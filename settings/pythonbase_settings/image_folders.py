"""Where the Dockerfiles of base images are."""

from pathlib import Path

from pythonbase_settings.sections.base_images import BaseImage

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder with the application, where this package is used from its sources."""


def image_folder(image: BaseImage, *, settings_file: Path, application: Path = CHECKOUT) -> Path:
    """The folder with the base image's Dockerfile.

    Relative to the folder of the settings file. When `path` is left out and there is no such folder, the one of the
    application: a settings file elsewhere then needs no copy of the image.

    Args:
        image: what the settings say of the base image.
        settings_file: the file with the settings.
        application: the folder with the application.
    """
    folder = settings_file.absolute().parent / image.path
    if "path" not in image.model_fields_set and not folder.is_dir():
        own = application / image.path
        return own if own.is_dir() else folder
    return folder

"""The folders with the Dockerfiles of base images."""

from pathlib import Path

from pythonbase_settings.sections.base_images import BaseImage

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder with the application, if this package is used from its sources."""


def image_folder(image: BaseImage, *, settings_file: Path, application: Path = CHECKOUT) -> Path:
    """The folder with the base image's Dockerfile.

    It is relative to the folder of the settings file. If `path` is left out and the folder is not there, it is the
    folder in the application. So a settings file elsewhere needs no copy of the image.

    Args:
        image: the settings of the base image.
        settings_file: the file with the settings.
        application: the folder with the application.
    """
    folder = settings_file.absolute().parent / image.path
    if "path" not in image.model_fields_set and not folder.is_dir():
        own = application / image.path
        return own if own.is_dir() else folder
    return folder

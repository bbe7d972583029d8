"""A build's sources: from S3, from a pipeline, or a clone."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pythonbase_localcloud.aws.iam import authorization

from . import full_clone
from .build import SOURCES, BuildFailedError, Location, Work
from .buildspec import Buildspec, parse


def download(work: Work) -> None:
    """Put the sources where the build finds them."""
    work.say("[Container] Phase is DOWNLOAD_SOURCE")
    source = work.build.project.get("source") or {}
    if work.build.pipeline:
        primary = work.build.pipeline.primary_source
        for name, location in work.build.pipeline.sources.items():
            _unpack(work, location, work.source if name == primary else work.source.parent / f"src-{name}")
    elif source.get("type") == "S3":
        _unpack(work, Location.parse(str(source["location"])), work.source)
    elif source.get("type") not in ("NO_SOURCE", None):
        raise BuildFailedError(
            "CLIENT_ERROR",
            f"the local cloud has no source of type {source.get('type')}; it knows S3, CODEPIPELINE and NO_SOURCE",
        )


def _unpack(work: Work, location: Location, directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    body = work.client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
    reference = full_clone.reference_in(body)
    if reference:
        _clone(work, reference, directory)
        return
    if not zipfile.is_zipfile(io.BytesIO(body)):
        (directory / Path(location.key).name).write_bytes(body)
        return
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        links = [member for member in archive.infolist() if stat.S_ISLNK(member.external_attr >> 16)]
        for member in archive.infolist():
            if member not in links:
                _extract(archive, member, directory)
        # Last, and as links: nothing is written through one.
        for member in links:
            path = directory / member.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(archive.read(member).decode())


def _clone(work: Work, reference: Mapping[str, Any], directory: Path) -> None:
    try:
        full_clone.clone(
            reference,
            directory,
            repositories=work.settings.bitbucket,
            access_key_id=work.credentials().access_key_id,
            inside=SOURCES,
        )
    except authorization.AccessDeniedError as error:
        raise BuildFailedError("CLIENT_ERROR", f"Unable to use Connection: {error}") from error


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, directory: Path) -> None:
    extracted = archive.extract(member, directory)
    mode = member.external_attr >> 16
    if mode & 0o777 and not member.is_dir():
        Path(extracted).chmod(mode & 0o777)


def buildspec(work: Work) -> Buildspec:
    """The buildspec: the project's text, or a file of the source."""
    text = str(work.record.get("_buildspec") or "buildspec.yml")
    if "\n" not in text and not text.lstrip().startswith("{"):
        path = work.source / text
        if not path.is_file():
            raise BuildFailedError("YAML_FILE_ERROR", f"YAML_FILE_ERROR Message: stat {path.name}: no such file")
        text = path.read_text()
    return parse(text)

"""Puts images into the registry, past the limiter."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

from pythonbase_localcloud.docker_hub import catalog, images
from pythonbase_localcloud.docker_hub.registry import Registry, RegistryError


class Publisher:
    """Publishes images: those of the catalog when somebody asks for them, and new versions of them.

    `python` is the directory of the made Python image, `busybox` a static busybox, `record` upstream.json, which lists
    the images that platform.yaml names.
    """

    def __init__(self, registry: Registry, *, python: Path, busybox: Path, record: Path) -> None:
        self._registry = registry
        self._python, self._busybox, self._record = python, busybox, record
        self._published: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def ensure(self, repository: str, tag: str) -> None:
        """Publish an image of the catalog that the registry does not hold yet; does nothing for any other."""
        if (repository, tag) in self._published or not catalog.holds(repository, tag, self._record):
            return
        with self._lock:
            if not self._registry.has(repository, tag):
                self.publish(repository, tag, change="")
            self._published.add((repository, tag))

    def publish(self, repository: str, tag: str, *, change: str, small: bool = False) -> str:
        """Publish a version under the tag; returns the digest of its index. Raises `RegistryError`."""
        image = self._image(repository, change, small=small)
        configs, parts, index = images.manifests(image)
        with self._registry.connection() as connection:
            self._blob(connection, repository, image.layer.source, image.layer.digest, image.layer.size)
            for config in configs:
                self._blob(connection, repository, config, images.digest_of(config), len(config))
            for part in parts:
                self._manifest(connection, repository, part.digest, part)
            self._manifest(connection, repository, tag, index)
        return index.digest

    def _image(self, repository: str, change: str, *, small: bool) -> images.Image:
        if small or not catalog.is_python(repository):
            return images.busybox_image(self._busybox, name=repository, change=change)
        if not (self._python / "manifest.json").exists():
            raise RegistryError("the image that stands in for python is not made yet; try again in a minute")
        return images.python_image(self._python, change=change)

    def _blob(
        self, connection: http.client.HTTPConnection, repository: str, source: Path | bytes, digest: str, size: int
    ) -> None:
        path = f"/v2/{repository}/blobs/"
        if _call(connection, "HEAD", path + digest, expected=None) == HTTPStatus.OK:
            return
        connection.request("POST", path + "uploads/", headers={"Content-Length": "0"})
        answer = connection.getresponse()
        answer.read()
        location = answer.headers.get("location", "")
        if answer.status != HTTPStatus.ACCEPTED:
            raise RegistryError(f"the registry answers {answer.status} to an upload")
        target = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        if isinstance(source, bytes):
            _call(connection, "PUT", target, body=[source], headers=headers, expected=HTTPStatus.CREATED)
        else:
            with source.open("rb") as file:
                chunks = iter(lambda: file.read(1 << 20), b"")
                _call(connection, "PUT", target, body=chunks, headers=headers, expected=HTTPStatus.CREATED)

    def _manifest(
        self, connection: http.client.HTTPConnection, repository: str, reference: str, manifest: images.Manifest
    ) -> None:
        _call(
            connection,
            "PUT",
            f"/v2/{repository}/manifests/{reference}",
            body=[manifest.content],
            headers={"Content-Type": manifest.media_type, "Content-Length": str(len(manifest.content))},
            expected=HTTPStatus.CREATED,
        )


def _call(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    *,
    body: Iterable[bytes] = (),
    headers: dict[str, str] | None = None,
    expected: int | None,
) -> int:
    connection.request(method, path, body=body, headers=headers or {}, encode_chunked=False)
    answer = connection.getresponse()
    content = answer.read()
    if expected is not None and answer.status != expected:
        raise RegistryError(f"{method} {path}: the registry answers {answer.status}: {_message(content)}")
    return answer.status


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["errors"])
    except (ValueError, KeyError, TypeError):
        return content.decode(errors="replace")

"""Content-addressed files: layers, image configurations and manifests."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_READ_BYTES = 1 << 20


class DigestError(Exception):
    """The content does not have the digest that the client named."""


def digest_of(content: bytes) -> str:
    """Digest of `content` as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_digest(reference: str) -> bool:
    """Whether `reference` is a digest, not a tag."""
    return _DIGEST.fullmatch(reference) is not None


@dataclass
class Upload:
    """A layer on its way in; written to disk as it arrives, so its size does not matter."""

    repository: str
    path: Path
    file: BinaryIO
    size: int = 0
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def append(self, chunk: bytes) -> None:
        """Add the next bytes."""
        self.file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)

    @property
    def digest(self) -> str:
        """Digest of what arrived so far."""
        return f"sha256:{self._hash.hexdigest()}"


class BlobStore:
    """Blobs under one directory; repositories link to them, so a blob is visible only where it was pushed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._uploads: dict[str, Upload] = {}
        (directory / "uploads").mkdir(parents=True, exist_ok=True)
        for leftover in (directory / "uploads").iterdir():
            leftover.unlink()

    def _blob(self, digest: str) -> Path:
        algorithm, _, value = digest.partition(":")
        return self._directory / "blobs" / algorithm / value[:2] / value

    def _link(self, repository: str, digest: str) -> Path:
        # The repository is "<account>/<region>/<name>"; a name may contain slashes but no "..".
        return self._directory / "repositories" / repository / "_blobs" / digest.replace(":", "-")

    def has(self, repository: str, digest: str) -> bool:
        """Whether the repository holds the blob."""
        return is_digest(digest) and self._link(repository, digest).exists() and self._blob(digest).exists()

    def size(self, digest: str) -> int:
        """Size in bytes."""
        return self._blob(digest).stat().st_size

    def read(self, digest: str) -> bytes:
        """The whole blob; for manifests."""
        return self._blob(digest).read_bytes()

    def stream(self, digest: str) -> Iterator[bytes]:
        """The blob in pieces; for layers."""
        with self._blob(digest).open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                yield chunk

    def put(self, repository: str, content: bytes) -> str:
        """Store small content; return its digest."""
        digest = digest_of(content)
        temporary = self._directory / "uploads" / secrets.token_hex(16)
        temporary.write_bytes(content)
        self._adopt(repository, digest, temporary)
        return digest

    def start_upload(self, repository: str) -> str:
        """Begin a chunked upload; return its id."""
        upload_id = secrets.token_hex(16)
        path = self._directory / "uploads" / upload_id
        self._uploads[upload_id] = Upload(repository, path, path.open("wb"))
        return upload_id

    def upload(self, repository: str, upload_id: str) -> Upload | None:
        """The upload in progress, if it is one of the repository's."""
        upload = self._uploads.get(upload_id)
        return upload if upload and upload.repository == repository else None

    def finish_upload(self, upload_id: str, digest: str) -> None:
        """Turn the upload into a blob; raise `DigestError` when the content is another."""
        upload = self._uploads.pop(upload_id)
        upload.file.close()
        if upload.digest != digest:
            upload.path.unlink()
            raise DigestError(f"expected {digest}, received {upload.digest}")
        self._adopt(upload.repository, digest, upload.path)

    def cancel_upload(self, upload_id: str) -> None:
        """Forget an upload."""
        upload = self._uploads.pop(upload_id)
        upload.file.close()
        upload.path.unlink()

    def unlink(self, repository: str, digest: str) -> None:
        """Remove the blob from the repository; the bytes stay, another repository may use them."""
        self._link(repository, digest).unlink(missing_ok=True)

    def _adopt(self, repository: str, digest: str, temporary: Path) -> None:
        blob = self._blob(digest)
        blob.parent.mkdir(parents=True, exist_ok=True)
        os.replace(temporary, blob)
        link = self._link(repository, digest)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.touch()

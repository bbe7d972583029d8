"""The stand-in for upstream Python images: made from Debian packages, shaped like the Docker Official Image."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from pythonbase_localcloud.images import rootfs
from pythonbase_localcloud.machine.locks import held
from pythonbase_localcloud.machine.progress import Report

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_CHUNK = 1 << 20

PYTHON = rootfs.Recipe(
    name="python",
    packages=("python3", "python3-venv", "ca-certificates", "netbase", "tzdata"),
    hooks=(
        # /usr/local as an environment of Debian's Python: `python`, `pip` and site-packages are where the official
        # image has them, and pip may install there
        rootfs.in_root("python3", "-m", "venv", "/usr/local"),
        'rm -f "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED',
    ),
)


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


def directory(cache: Path) -> Path:
    """Where the image is or will be: `manifest.json` and `blobs/`."""
    return cache / "images" / f"{PYTHON.name}-{PYTHON.fingerprint}"


def is_made(cache: Path) -> bool:
    """Whether the image is there."""
    return (directory(cache) / "manifest.json").exists()


def ensure(cache: Path, *, log: Path, report: Report) -> Path:
    """Return the image's directory; the image is made once below `cache`."""
    target = directory(cache)
    with held(cache / "images" / f"{PYTHON.name}.lock"):
        if not is_made(cache):
            report("makes the upstream Python image from Debian packages (once, half a minute)")
            partial = target.with_suffix(".part")
            shutil.rmtree(partial, ignore_errors=True)
            archive = rootfs.make(PYTHON, partial / "rootfs.tar", log=log)
            write_image(archive, partial)
            archive.unlink()
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
            report("the upstream Python image is ready")
    return target


def write_image(archive: Path, directory: Path) -> None:
    """Turn the tar archive of a file system into a one-layer image in `directory`."""
    blobs = directory / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    layer, layer_size, difference = _compress(archive, blobs)
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": datetime.fromtimestamp(archive.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"],
            "Cmd": ["python3"],
        },
        "rootfs": {"type": "layers", "diff_ids": [difference]},
        "history": [{"created_by": f"mmdebstrap {rootfs.RELEASE}: {' '.join(PYTHON.packages)}"}],
    }
    config_blob = json.dumps(config, sort_keys=True).encode()
    config_digest = _digest(config_blob)
    (blobs / config_digest).write_bytes(config_blob)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": _CONFIG_TYPE, "size": len(config_blob), "digest": config_digest},
        "layers": [{"mediaType": _LAYER_TYPE, "size": layer_size, "digest": layer}],
    }
    # last: its presence says that the rest is complete
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=1))


def _compress(archive: Path, blobs: Path) -> tuple[str, int, str]:
    """Write the layer; returns its digest, its size in bytes and the digest of the archive itself."""
    partial = blobs / "layer.part"
    plain, packed = hashlib.sha256(), hashlib.sha256()
    with archive.open("rb") as source, partial.open("wb") as sink:
        tee = _Tee(sink, packed)
        # no time stamp: the digest depends on the content only; level 1: this stays on the machine
        with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=tee, mtime=0) as stream:
            for chunk in iter(_reader(source), b""):
                plain.update(chunk)
                stream.write(chunk)
    digest = f"sha256:{packed.hexdigest()}"
    os.replace(partial, blobs / digest)
    return digest, (blobs / digest).stat().st_size, f"sha256:{plain.hexdigest()}"


def _reader(source: BinaryIO) -> Callable[[], bytes]:
    return lambda: source.read(_CHUNK)


class _Tee:
    """A file for GzipFile that also hashes what is written."""

    def __init__(self, sink: BinaryIO, digest: _Hash) -> None:
        self._sink, self._hash = sink, digest

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._sink.write(data)

    def flush(self) -> None:
        self._sink.flush()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"

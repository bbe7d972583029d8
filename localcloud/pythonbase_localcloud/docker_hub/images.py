"""Images as registries store them: blobs, one manifest for each architecture, an index over them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
ARCHITECTURES = ("amd64", "arm64")
CHANGE_LABEL = "org.opencontainers.image.revision"


@dataclass(frozen=True)
class Layer:
    """A compressed layer: a file, or content that is small enough to hold."""

    digest: str
    size: int
    difference: str
    """The digest of the archive before compression."""
    source: Path | bytes


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image for several architectures, with the same file system in each."""

    layer: Layer
    config: dict[str, Any]
    """What runs in it, as in an image's configuration: `Cmd`, `Env`."""
    change: str = ""
    """Differs between versions of the image; it is a label, so another value is another digest."""
    architectures: Sequence[str] = ARCHITECTURES


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest as it is pushed."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.content)


def manifests(image: Image) -> tuple[list[bytes], list[Manifest], Manifest]:
    """The configurations, the manifest of each architecture, and the index over them."""
    configs, parts, entries = [], [], []
    for architecture in image.architectures:
        config = _json(
            {
                "architecture": architecture,
                "os": "linux",
                "config": image.config | ({"Labels": {CHANGE_LABEL: image.change}} if image.change else {}),
                "rootfs": {"type": "layers", "diff_ids": [image.layer.difference]},
                "history": [{"created_by": "made by the local cloud"}],
            }
        )
        manifest = Manifest(
            media_type=MANIFEST_TYPE,
            content=_json(
                {
                    "schemaVersion": 2,
                    "mediaType": MANIFEST_TYPE,
                    "config": {"mediaType": _CONFIG_TYPE, "digest": digest_of(config), "size": len(config)},
                    "layers": [{"mediaType": _LAYER_TYPE, "digest": image.layer.digest, "size": image.layer.size}],
                }
            ),
        )
        configs.append(config)
        parts.append(manifest)
        entries.append(
            {
                "mediaType": MANIFEST_TYPE,
                "digest": manifest.digest,
                "size": len(manifest.content),
                "platform": {"architecture": architecture, "os": "linux"},
            }
        )
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    return configs, parts, Manifest(media_type=INDEX_TYPE, content=_json(index))


def python_image(directory: Path, *, change: str = "") -> Image:
    """The image that stands in for upstream Python images (upstream_image.py), made in `directory`."""
    manifest = json.loads((directory / "manifest.json").read_text())
    config = json.loads((directory / "blobs" / manifest["config"]["digest"]).read_text())
    (layer,) = manifest["layers"]
    (difference,) = config["rootfs"]["diff_ids"]
    source = directory / "blobs" / layer["digest"]
    return Image(
        layer=Layer(layer["digest"], int(layer["size"]), difference, source), config=config["config"], change=change
    )


def busybox_image(busybox: Path, *, name: str, change: str = "") -> Image:
    """A tiny image that stands in for any other: a static busybox, and a file that says which image it is for."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "bin/busybox", busybox.read_bytes(), mode=0o755)
        for program in ("sh", "cat", "echo", "ls", "sleep", "true"):
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        _add(tar, "etc/stands-in-for", f"{name}\n".encode(), mode=0o644)
    plain = archive.getvalue()
    packed = gzip.compress(plain, compresslevel=1, mtime=0)
    layer = Layer(digest_of(packed), len(packed), digest_of(plain), packed)
    return Image(layer=layer, config={"Cmd": ["sh"], "Env": ["PATH=/bin"]}, change=change)


def digest_of(content: bytes) -> str:
    """The digest as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode()

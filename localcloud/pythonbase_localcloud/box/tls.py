"""The instance's own certificate authority, the certificates it signs, and the bundle that trusts it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme
from botocore.session import Session

from pythonbase_localcloud.box.hosts import BITBUCKET_API

_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_DISTRIBUTION_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Arch, Alpine
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
)
_ADDED_BY_ADMINISTRATOR = (Path("/usr/local/share/ca-certificates"), Path("/etc/pki/ca-trust/source/anchors"))
_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
"""Each names a file that replaces the distribution's bundle for some programs."""
_FURTHER_VARIABLES = ("NODE_EXTRA_CA_CERTS",)
"""These name certificates that come in addition."""


@dataclass(frozen=True)
class Certificate:
    """PEM files of a certificate and its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class MachineTrust:
    """The bundle that the machine's programs use, None if there is none.

    `is_custom`: an authority of the machine's own is in it, as behind a network that intercepts TLS. That is so if one
    of the usual variables names a bundle, or the administrator added a certificate to the system.
    """

    bundle: Path | None
    is_custom: bool


def gateway_names() -> list[str]:
    """Names and addresses that the AWS server answers to: loopback, Bitbucket's API, and the ECR host of any
    account and region."""
    session = Session()
    names = ["localhost", "127.0.0.1", "::1", BITBUCKET_API]
    for partition in _PARTITIONS:
        suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
        # ECR's endpoints are listed as api.ecr.<region>; the region names are the partition's
        regions = session.get_available_regions("ec2", partition_name=partition)
        names += [f"*.dkr.ecr.{region}.{suffix}" for region in regions]
    return names


def ensure_authority(directory: Path) -> trustme.CA:
    """Return the instance's certificate authority, made in `directory` if it is not there."""
    stored = Certificate(directory / "ca.pem", directory / "ca.key")
    if stored.certificate.exists() and stored.key.exists():
        return trustme.CA.from_pem(stored.certificate.read_bytes(), stored.key.read_bytes())
    authority = trustme.CA(organization_name="pythonbase local cloud", organization_unit_name="this machine only")
    _write(stored, key=authority.private_key_pem, certificate=authority.cert_pem)
    return authority


def issue_certificate(directory: Path, *, stem: str, names: Sequence[str]) -> Certificate:
    """Return a new server certificate for `names`, signed by the authority in `directory`.

    Programs that run keep the previous one, which is as good: clients trust the authority.
    """
    issued = ensure_authority(directory).issue_cert(*names)
    stored = Certificate(directory / f"{stem}.pem", directory / f"{stem}.key")
    _write(stored, key=issued.private_key_pem, certificate=issued.cert_chain_pems[0])
    return stored


def write_bundle(target: Path, *, authority: trustme.CA, machine: Path | None) -> Path:
    """Write the machine's certificate authorities and ours to one file that every client can be pointed at."""
    text = machine.read_text(errors="replace").rstrip() + "\n" if machine is not None else ""
    text += authority.cert_pem.bytes().decode()
    if not target.exists() or target.read_text() != text:
        _write_file(target, text.encode(), mode=0o644)
    return target


def machine_trust(environment: Mapping[str, str], *, ours: Path) -> MachineTrust:
    """What this machine's programs trust, by the user's environment and the distribution.

    `ours` is the instance's bundle. In a shell that has sourced `env.sh` it is what the variables name; then what was
    found in an earlier shell holds, which is kept in a file beside it.
    """
    memory = ours.with_name("machine.json")
    named = {
        name: Path(environment[name]) for name in (*_BUNDLE_VARIABLES, *_FURTHER_VARIABLES) if environment.get(name)
    }
    if any(_is_same(path, ours) for path in named.values()) and memory.exists():
        known = json.loads(memory.read_text())
        return MachineTrust(Path(known["bundle"]) if known["bundle"] else None, bool(known["is_custom"]))
    named = {name: path for name, path in named.items() if path.is_file() and not _is_same(path, ours)}
    bundles = [path for name, path in named.items() if name in _BUNDLE_VARIABLES]
    bundles += [path for path in _DISTRIBUTION_BUNDLES if path.is_file()]
    added = any(any(directory.rglob("*.*")) for directory in _ADDED_BY_ADMINISTRATOR if directory.is_dir())
    found = MachineTrust(bundles[0] if bundles else None, bool(named) or added)
    text = json.dumps({"bundle": str(found.bundle or ""), "is_custom": found.is_custom})
    _write_file(memory, text.encode(), mode=0o644)
    return found


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and path.samefile(other)


def _write(stored: Certificate, *, key: trustme.Blob, certificate: trustme.Blob) -> None:
    # the certificate last: a program that reads it again when it changes finds its key
    _write_file(stored.key, key.bytes(), mode=0o600)
    _write_file(stored.certificate, certificate.bytes(), mode=0o644)


def _write_file(path: Path, content: bytes, *, mode: int) -> None:
    """Write in one step, never readable by more than `mode` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    temporary.replace(path)

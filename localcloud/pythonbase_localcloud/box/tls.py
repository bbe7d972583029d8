"""The instance's own certificate authority, the certificates it signs, and the bundle that trusts it."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.session import Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pythonbase_localcloud.box.hosts import BITBUCKET_API
from pythonbase_localcloud.machine.commands import LocalCloudError

_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_LIFETIME = datetime.timedelta(days=825)
"""The longest that common clients accept for a server's certificate."""
_RENEW_BEFORE = datetime.timedelta(days=30)
_DISTRIBUTION_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Arch, Alpine
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, RHEL
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
    Path("/etc/ssl/cert.pem"),  # macOS
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


def ensure_authority(directory: Path) -> Certificate:
    """Return the instance's certificate authority, made in `directory` if it is not there or about to expire."""
    authority = Certificate(directory / "ca.pem", directory / "ca.key")
    if _is_usable(authority, names=()):
        return authority
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pythonbase local cloud (this machine only)")])
    builder = (
        _builder(name, name, key.public_key(), lifetime=_LIFETIME * 4)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    _write(authority, key, builder.sign(key, hashes.SHA256()))
    return authority


def ensure_certificate(directory: Path, *, stem: str, names: Sequence[str]) -> Certificate:
    """Return a server certificate for `names`, signed by the authority in `directory`.

    It is made again if it lacks a name, is about to expire or was signed by an authority that is gone.
    """
    authority = ensure_authority(directory)
    leaf = Certificate(directory / f"{stem}.pem", directory / f"{stem}.key")
    issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    if _is_usable(leaf, names=names, issuer=issuer):
        return leaf
    issuer_key = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise LocalCloudError(f"{authority.key} is not the key that was made here; run `clean`")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"local cloud {stem}")])
    builder = (
        _builder(subject, issuer.subject, key.public_key(), lifetime=_LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    _write(leaf, key, builder.sign(issuer_key, hashes.SHA256()))
    return leaf


def write_bundle(target: Path, *, authority: Certificate, machine: Path | None) -> Path:
    """Write the machine's certificate authorities and ours to one file that every client can be pointed at."""
    text = machine.read_text(errors="replace").rstrip() + "\n" if machine is not None else ""
    text += authority.certificate.read_text()
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


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # a clock that was set back a little since must not reject it
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _is_usable(pair: Certificate, *, names: Sequence[str], issuer: x509.Certificate | None = None) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        pair.key.stat()
    except (FileNotFoundError, ValueError):
        return False
    if certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < _RENEW_BEFORE:
        return False
    if issuer is not None:
        try:
            certificate.verify_directly_issued_by(issuer)
        except Exception:  # the library raises several kinds; each means: make a new one
            return False
    if not names:
        return True
    covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_general_name(name) for name in names} <= set(covered)


def _write(pair: Certificate, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write_file(pair.key, pem, mode=0o600)
    _write_file(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _write_file(path: Path, content: bytes, *, mode: int) -> None:
    """Write in one step, never readable by more than `mode` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    temporary.replace(path)

"""The local cloud's certificates: which names they cover, who may read the keys, whom clients trust."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509

from pythonbase_localcloud.box import tls

BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")


def names_of(certificate: Path) -> set[str]:
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    return {str(name.value) for name in loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value}


def test_the_gateway_covers_loopback_and_every_regions_registry() -> None:
    names = set(tls.gateway_names())
    assert {"localhost", "127.0.0.1"} <= names
    for region in ("eu-west-1", "us-east-1", "ap-southeast-2", "us-gov-west-1"):
        assert f"*.dkr.ecr.{region}.amazonaws.com" in names
    assert "*.dkr.ecr.cn-north-1.amazonaws.com.cn" in names


def test_a_client_that_trusts_the_bundle_accepts_the_names_and_no_other(tmp_path: Path) -> None:
    leaf = tls.ensure_certificate(tmp_path, stem="gateway", names=["*.dkr.ecr.eu-west-1.amazonaws.com", "127.0.0.1"])
    bundle = tls.write_bundle(tmp_path / "bundle.pem", authority=tls.ensure_authority(tmp_path), machine=None)
    for name in ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", "127.0.0.1"):
        assert handshake(leaf, bundle, name) == ""
    assert "match" in handshake(leaf, bundle, "111122223333.dkr.ecr.eu-west-2.amazonaws.com")


def test_a_client_without_the_bundle_refuses(tmp_path: Path) -> None:
    leaf = tls.ensure_certificate(tmp_path / "one", stem="gateway", names=["127.0.0.1"])
    other = tls.ensure_authority(tmp_path / "two").certificate
    assert "verify failed" in handshake(leaf, other, "127.0.0.1")


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    tls.ensure_certificate(tmp_path, stem="gateway", names=["localhost"])
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("ca.key", "gateway.key")} == {0o600}


def test_a_certificate_is_kept_until_it_lacks_a_name(tmp_path: Path) -> None:
    first = tls.ensure_certificate(tmp_path, stem="upstream", names=["localhost"]).certificate.read_bytes()
    assert tls.ensure_certificate(tmp_path, stem="upstream", names=["localhost"]).certificate.read_bytes() == first
    wider = tls.ensure_certificate(tmp_path, stem="upstream", names=["localhost", "public.ecr.aws"])
    assert names_of(wider.certificate) == {"localhost", "public.ecr.aws"}


def test_a_certificate_of_a_lost_authority_is_made_again(tmp_path: Path) -> None:
    first = tls.ensure_certificate(tmp_path, stem="gateway", names=["localhost"]).certificate.read_bytes()
    (tmp_path / "ca.key").unlink()
    assert tls.ensure_certificate(tmp_path, stem="gateway", names=["localhost"]).certificate.read_bytes() != first


def test_the_bundle_holds_the_machines_authorities_and_ours(tmp_path: Path) -> None:
    machine = tls.ensure_authority(tmp_path / "machine").certificate
    own = tls.ensure_authority(tmp_path / "own")
    bundle = tls.write_bundle(tmp_path / "bundle.pem", authority=own, machine=machine)
    context = ssl.create_default_context(cafile=str(bundle))
    assert len(context.get_ca_certs()) == 2


def test_a_bundle_named_by_the_environment_is_custom(tmp_path: Path) -> None:
    company = tmp_path / "company.pem"
    company.touch()
    trust = tls.machine_trust({"REQUESTS_CA_BUNDLE": str(company)}, ours=tmp_path / "tls" / "bundle.pem")
    assert trust == tls.MachineTrust(company, is_custom=True)


def test_a_shell_that_sourced_our_environment_does_not_hide_the_machines_bundle(tmp_path: Path) -> None:
    company, ours = tmp_path / "company.pem", tmp_path / "tls" / "bundle.pem"
    company.touch()
    first = tls.machine_trust({"SSL_CERT_FILE": str(company)}, ours=ours)
    ours.touch()
    assert tls.machine_trust(dict.fromkeys(BUNDLE_VARIABLES, str(ours)), ours=ours) == first


@pytest.mark.parametrize("value", ["", "/nonexistent/bundle.pem"])
def test_a_variable_that_names_no_file_is_ignored(tmp_path: Path, value: str) -> None:
    trust = tls.machine_trust({"SSL_CERT_FILE": value}, ours=tmp_path / "bundle.pem")
    assert trust == tls.machine_trust({}, ours=tmp_path / "bundle.pem")


def handshake(leaf: tls.Certificate, trusted: Path, name: str) -> str:
    """Connect to a server with `leaf` as a client that trusts `trusted` and asks for `name`; the error, or nothing."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(leaf.certificate, leaf.key)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(ours, server_side=True).close()
        except OSError:
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ssl.create_default_context(cafile=os.fspath(trusted)).wrap_socket(theirs, server_hostname=name):
            return ""
    except ssl.SSLError as error:
        return str(error)
    finally:
        theirs.close()
        thread.join()

"""Upstream images: which registry answers, and what the stand-in serves."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pythonbase_localcloud.box import tls
from pythonbase_localcloud.images import upstream, upstream_image
from pythonbase_localcloud.images.upstream import Record, Reference
from pythonbase_localcloud.images.upstream_server import StandIn
from pythonbase_localcloud.machine.commands import LocalCloudError

PYTHON = "public.ecr.aws/docker/library/python:3.13-slim"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PYTHON, Reference("public.ecr.aws", "docker/library/python", "3.13-slim")),
        ("python", Reference("docker.io", "library/python", "latest")),
        ("acme/tool:1", Reference("docker.io", "acme/tool", "1")),
        ("docker.io/python:3.13", Reference("docker.io", "library/python", "3.13")),
        ("localhost:5000/a/b", Reference("localhost:5000", "a/b", "latest")),
        ("ghcr.io/a/b:1@sha256:" + "0" * 64, Reference("ghcr.io", "a/b", "sha256:" + "0" * 64)),
    ],
)
def test_references_are_read_as_docker_reads_them(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected


@pytest.mark.parametrize("text", ["", "UPPER", "public.ecr.aws/", "a b"])
def test_what_is_no_reference_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(LocalCloudError, match="is not an image reference such as"):
        Reference.parse(text)


def test_docker_hub_is_reached_under_its_api_name() -> None:
    assert Reference.parse("python:3.13").api_host == "registry-1.docker.io"


def test_the_decision_about_a_registry_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "made")
    Record(tmp_path / "upstream.json").decide([PYTHON], bundle=None)
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "internet")
    again = Record(tmp_path / "upstream.json")
    again.decide([PYTHON, "ghcr.io/a/b:1"], bundle=None)
    assert again.made_hosts() == ["public.ecr.aws"]


def test_a_registry_that_nobody_answers_for_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALCLOUD_UPSTREAM", raising=False)
    assert not upstream.is_reachable("127.0.0.1:9", bundle=None)


def test_a_misspelt_choice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "yes")
    with pytest.raises(LocalCloudError, match="LOCALCLOUD_UPSTREAM must be one of auto, internet, made, got 'yes'"):
        upstream.is_reachable("public.ecr.aws", bundle=None)


class Registry:
    """The stand-in, served for a test, and a client of it."""

    def __init__(self, port: int, bundle: Path) -> None:
        self._port, self._context = port, ssl.create_default_context(cafile=str(bundle))

    def request(
        self, method: str, path: str, *, host: str = "public.ecr.aws"
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context)
        try:
            connection.request(method, path, headers={"Host": host})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()


@contextmanager
def served(directory: Path) -> Iterator[Registry]:
    certificate = tls.ensure_certificate(directory, stem="upstream", names=["127.0.0.1"])
    server = StandIn(
        ("127.0.0.1", 0),
        record=directory / "upstream.json",
        image=directory / "image",
        certificate=certificate.certificate,
        key=certificate.key,
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Registry(server.server_address[1], directory / "ca.pem")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("LOCALCLOUD_UPSTREAM", "made")
    Record(tmp_path / "upstream.json").decide([PYTHON], bundle=None)
    (tmp_path / "hello").write_text("hello\n" * 1000)
    with tarfile.open(tmp_path / "rootfs.tar", "w") as archive:
        archive.add(tmp_path / "hello", "hello")
    upstream_image.write_image(tmp_path / "rootfs.tar", tmp_path / "image")
    with served(tmp_path) as running:
        yield running


def test_a_listed_image_is_served_whole_and_its_digests_are_true(registry: Registry) -> None:
    response, content = registry.request("GET", "/v2/docker/library/python/manifests/3.13-slim")
    assert response.status == 200
    digest = response.headers["Docker-Content-Digest"]
    assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    manifest = json.loads(content)
    assert response.headers["Content-Type"] == manifest["mediaType"]
    for blob in (manifest["config"], *manifest["layers"]):
        _, data = registry.request("GET", f"/v2/docker/library/python/blobs/{blob['digest']}")
        assert (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}") == (blob["size"], blob["digest"])
    assert registry.request("GET", f"/v2/docker/library/python/manifests/{digest}")[1] == content


def test_asking_for_the_head_gives_the_digest_without_the_content(registry: Registry) -> None:
    response, content = registry.request("HEAD", "/v2/docker/library/python/manifests/3.13-slim")
    assert (response.status, content) == (200, b"")
    assert response.headers["Docker-Content-Digest"].startswith("sha256:")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("public.ecr.aws", "/v2/docker/library/python/manifests/2.7"),
        ("public.ecr.aws", "/v2/docker/library/node/manifests/3.13-slim"),
        ("ghcr.io", "/v2/docker/library/python/manifests/3.13-slim"),
    ],
)
def test_an_image_that_is_not_listed_is_unknown_and_the_answer_says_why(
    registry: Registry, host: str, path: str
) -> None:
    response, content = registry.request("GET", path, host=host)
    assert response.status == 404
    assert "is not in platform.yaml" in json.loads(content)["errors"][0]["message"]


def test_nothing_can_be_pushed(registry: Registry) -> None:
    response, _ = registry.request("POST", "/v2/docker/library/python/blobs/uploads/")
    assert response.status == 501

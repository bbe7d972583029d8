"""Image references are parsed as Docker parses them."""

from __future__ import annotations

import pytest

from pythonbase_buildspecs import ImageReference

SHA256 = "sha256:" + "0123456789abcdef" * 4
IMAGE_ID = "0123456789abcdef" * 4
ECR = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"

ON_DOCKER_HUB = {
    "python": "docker.io/library/python:latest",
    "python:3.13": "docker.io/library/python:3.13",
    "python:3.13-slim": "docker.io/library/python:3.13-slim",
    "python:V1_0.beta-2": "docker.io/library/python:V1_0.beta-2",
    f"python@{SHA256}": f"docker.io/library/python@{SHA256}",
    f"python:3.13@{SHA256}": f"docker.io/library/python:3.13@{SHA256}",
    "library/python": "docker.io/library/python:latest",
    "bitnami/redis": "docker.io/bitnami/redis:latest",
    "bitnami/redis:7": "docker.io/bitnami/redis:7",
    "a/b/c:1": "docker.io/a/b/c:1",
    "my_org/my__app-x.y:1": "docker.io/my_org/my__app-x.y:1",
    "docker.io/python": "docker.io/library/python:latest",
    "docker.io/library/python:3.13": "docker.io/library/python:3.13",
    "docker.io/bitnami/redis:7": "docker.io/bitnami/redis:7",
    "docker.io:443/bitnami/redis": "docker.io/bitnami/redis:latest",
    "DOCKER.IO/bitnami/redis": "docker.io/bitnami/redis:latest",
    "Docker.io/python:3.13": "docker.io/library/python:3.13",
    "index.docker.io/python": "docker.io/library/python:latest",
    "index.docker.io/library/python:3.13": "docker.io/library/python:3.13",
    "INDEX.docker.io:443/bitnami/redis": "docker.io/bitnami/redis:latest",
    "registry-1.docker.io/library/python:3.13": "docker.io/library/python:3.13",
    "registry-1.docker.io:443/library/python:3.13": "docker.io/library/python:3.13",
    f"registry-1.docker.io/bitnami/redis@{SHA256}": f"docker.io/bitnami/redis@{SHA256}",
    "registry.hub.docker.com/library/python:3.13": "docker.io/library/python:3.13",
    "registry.hub.docker.com/bitnami/redis": "docker.io/bitnami/redis:latest",
    # No dot, no port, not localhost: the first part is a name on Docker Hub, whatever it looks like.
    "localhost": "docker.io/library/localhost:latest",
    "localhost:5000": "docker.io/library/localhost:5000",
    "ecr/python": "docker.io/ecr/python:latest",
    "registry/python:1": "docker.io/registry/python:1",
    "python:5000": "docker.io/library/python:5000",
    "quay.io": "docker.io/library/quay.io:latest",
    IMAGE_ID[:63]: f"docker.io/library/{IMAGE_ID[:63]}:latest",
}

ELSEWHERE = {
    f"{ECR}/pythonbase": (ECR, "pythonbase"),
    f"{ECR}/docker-hub/library/python:3.13": (ECR, "docker-hub/library/python"),
    f"{ECR}/pythonbase@{SHA256}": (ECR, "pythonbase"),
    "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/a:1": (
        "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn",
        "a",
    ),
    "public.ecr.aws/docker/library/python:3.13": ("public.ecr.aws", "docker/library/python"),
    "quay.io/prometheus/prometheus": ("quay.io", "prometheus/prometheus"),
    "ghcr.io/acme/app:1": ("ghcr.io", "acme/app"),
    "mirror.gcr.io/library/python": ("mirror.gcr.io", "library/python"),
    "registry.k8s.io/pause:3.10": ("registry.k8s.io", "pause"),
    "localhost/python": ("localhost", "python"),
    "localhost:5000/python:3.13": ("localhost:5000", "python"),
    "registry:5000/python": ("registry:5000", "python"),
    "127.0.0.1:5000/a/b": ("127.0.0.1:5000", "a/b"),
    "[::1]:5000/python": ("[::1]:5000", "python"),
    "[2001:db8::1]/python:1": ("[2001:db8::1]", "python"),
    "Registry/python": ("Registry", "python"),
    "docker.io:5000/python": ("docker.io:5000", "python"),
    "docker.io.example.com/python": ("docker.io.example.com", "python"),
    "notdocker.io/python": ("notdocker.io", "python"),
    "mirror.docker.io/library/python": ("mirror.docker.io", "library/python"),
    "docker.com/python": ("docker.com", "python"),
}

INVALID = [
    "",
    " ",
    "Python",
    "bitnami/Redis",
    "python:",
    "python:-1",
    "python: 3",
    "python 3",
    "python:" + "x" * 129,
    "python@",
    "python@sha256",
    "python@sha256:abc",
    "python@3.13",
    "/python",
    "python/",
    "docker.io/",
    "docker.io//python",
    "a//b",
    "-python",
    "python-",
    "py..thon",
    "py___thon",
    ":3.13",
    "https://docker.io/python",
    "docker://python",
    "host:port/python",
    "[::g]:5000/python",
    "::1/python",
    "python\n",
    "pythön",
    "$IMAGE",
    "x" * 256,
    IMAGE_ID,
]


@pytest.mark.parametrize(("written", "canonical"), ON_DOCKER_HUB.items())
def test_every_spelling_of_docker_hub_is_the_same_image(written: str, canonical: str) -> None:
    reference = ImageReference.parse(written)
    assert reference.is_docker_hub
    assert reference.canonical == canonical


@pytest.mark.parametrize(("written", "parts"), ELSEWHERE.items())
def test_another_registry_is_not_docker_hub(written: str, parts: tuple[str, str]) -> None:
    reference = ImageReference.parse(written)
    assert not reference.is_docker_hub
    assert not reference.is_official
    assert (reference.registry, reference.repository) == parts


@pytest.mark.parametrize("written", INVALID)
def test_what_docker_refuses_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="an image reference is"):
        ImageReference.parse(written)


def test_tag_and_digest_are_what_is_written() -> None:
    both = ImageReference.parse(f"quay.io/a/b:1.2@{SHA256}")
    assert (both.tag, both.digest, both.name) == ("1.2", SHA256, "quay.io/a/b")
    neither = ImageReference.parse("quay.io/a/b")
    assert (neither.tag, neither.digest) == (None, None)


def test_a_canonical_reference_reads_back_as_itself() -> None:
    for written in [*ON_DOCKER_HUB, *ELSEWHERE]:
        canonical = ImageReference.parse(written).canonical
        assert ImageReference.parse(canonical).canonical == canonical


def test_only_images_without_an_owner_are_official() -> None:
    assert ImageReference.parse("python").is_official
    assert ImageReference.parse("index.docker.io/library/python").is_official
    assert not ImageReference.parse("bitnami/python").is_official

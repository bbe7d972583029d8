"""What the check finds in the text of a buildspec, and what it does not report."""

from __future__ import annotations

import json

import pytest

from pythonbase.docker_hub_check.buildspec_scan import BUILDX_DEFAULT, images
from pythonbase.docker_hub_check.holes import Holes


def _found(text: str) -> list[str]:
    holes = Holes()
    return [holes.readable(image) for image in images(text, holes.hole)]


def _commands(*commands: str) -> str:
    lines = "\n".join(f"      - {command}" for command in commands)
    return f"version: 0.2\nphases:\n  build:\n    commands:\n{lines}\n"


def _script(*lines: str) -> str:
    return _commands("|\n        " + "\n        ".join(lines))


PULLED = {
    "docker pull nginx:1.29": ["nginx:1.29"],
    "docker pull --quiet --platform linux/arm64 nginx": ["nginx"],
    "docker pull -a nginx": ["nginx"],
    "docker image pull nginx": ["nginx"],
    "docker --context build -l debug pull nginx": ["nginx"],
    "sudo docker pull nginx": ["nginx"],
    "/usr/bin/docker pull nginx": ["nginx"],
    "podman pull docker.io/library/nginx": ["docker.io/library/nginx"],
    '"docker pull nginx"': ["nginx"],
    "'docker pull nginx'": ["nginx"],
    'docker pull "nginx:1.29"': ["nginx:1.29"],
    "docker run nginx": ["nginx"],
    "docker run --rm -it nginx sh -c 'docker info'": ["nginx"],
    'docker run -v "$PWD:/work" -w /work -e A=b --name x --net=host node:24 npm run build': ["node:24"],
    "docker run -v $(pwd):/work -p80:80 -itu root node:24 npm ci": ["node:24"],
    "docker run --init --privileged --entrypoint sh -- node:24": ["node:24"],
    "docker container run -d --publish 80:80 nginx": ["nginx"],
    "docker create --name x nginx && docker cp x:/etc/nginx . && docker rm x": ["nginx"],
    "docker run a/b; docker run c/d | tee log || docker run e/f": ["a/b", "c/d", "e/f"],
    'digest="$(docker run --rm quay.io/skopeo/stable inspect)"': ["quay.io/skopeo/stable"],
    "echo $(docker run --rm nginx -v)": ["nginx"],
    "echo start && docker pull nginx": ["nginx"],
    "bash -c 'docker pull nginx'": ["nginx"],
    "if ! docker pull nginx; then exit 1; fi": ["nginx"],
    "docker buildx imagetools inspect python:3.13 --raw": ["python:3.13"],
    "docker manifest inspect python:3.13": ["python:3.13"],
    "docker build --build-arg BASE_IMAGE=python:3.13 --build-arg=FROM=redis .": ["python:3.13", "redis"],
    'docker buildx build --build-arg "IMAGE=python:3.13" --build-arg VERSION=3.13 .': ["python:3.13"],
    "docker build --build-context base=docker-image://python:3.13 --build-context src=./src .": ["python:3.13"],
    "docker build --cache-from acme/app --cache-from type=registry,ref=acme/cache --cache-from type=gha .": [
        "acme/app",
        "acme/cache",
    ],
    "docker buildx create --use": [BUILDX_DEFAULT],
    "docker buildx create --driver docker-container --driver-opt network=host,image=quay.io/a/buildkit": [
        "quay.io/a/buildkit"
    ],
    "docker pull nginx:$TAG": ["nginx:$TAG"],
    'docker pull "docker.io/bitnami/${NAME:-redis}:7"': ["docker.io/bitnami/${NAME:-redis}:7"],
    'docker pull "$IMAGE"': ["$IMAGE"],
}

NOT_PULLED = [
    "docker info",
    "docker login --username AWS --password-stdin 111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    "docker push nginx",
    "docker tag nginx acme/nginx",
    "docker build --tag nginx .",
    "docker build --build-arg VERSION=3.13 --build-arg HTTP_PROXY --build-arg BASE_IMAGE= .",
    "docker build --build-context src=./src --cache-from type=local,src=cache .",
    "docker buildx create --driver remote tcp://builder:1234",
    "docker buildx ls",
    "docker compose up",
    "docker images --format json",
    "# docker pull nginx",
    '# echo "FROM nginx" >Dockerfile',
    "true # docker pull nginx",
    "echo docker pull nginx",
    "printf 'docker pull %s' nginx",
    "install-docker pull nginx",
    "mydocker pull nginx",
    "docker.sh pull nginx",
    "SELECT a FROM users",
    "from os import path",
    "aws ecr batch-get-image --query 'images[].imageId'",
]


@pytest.mark.parametrize(("command", "pulled"), PULLED.items())
def test_what_a_command_pulls_is_found(command: str, pulled: list[str]) -> None:
    assert _found(_commands(command)) == pulled
    assert _found(_script("set -e", command)) == pulled


@pytest.mark.parametrize("command", NOT_PULLED)
def test_a_command_that_pulls_nothing_is_left_alone(command: str) -> None:
    assert _found(_commands(command)) == []
    assert _found(_script("set -e", command)) == []


def test_the_same_buildspec_as_json_has_the_same_images() -> None:
    commands = [command for command in PULLED if not command.startswith(('"', "'"))]
    text = json.dumps({"version": "0.2", "phases": {"build": {"commands": commands}}})
    assert _found(text) == [image for command in commands for image in PULLED[command]]


def test_continued_and_folded_commands_are_one_command() -> None:
    assert _found(_script("docker run \\", "  --rm \\", "  nginx")) == ["nginx"]
    folded = _commands(">-\n        docker run\n        --rm\n        nginx", "docker pull redis")
    assert _found(folded) == ["nginx", "redis"]


def test_a_dockerfile_in_a_here_document_is_read() -> None:
    text = _script(
        "cat >Dockerfile <<'EOF'",
        "# syntax=docker/dockerfile:1",
        "ARG VERSION=3.13",
        "ARG BASE",
        "FROM --platform=$BUILDPLATFORM node:24 AS assets",
        "FROM python:${VERSION} as build",
        "RUN --mount=type=bind,from=busybox,target=/b true",
        "FROM ${BASE}",
        "COPY --from=assets /a /a",
        "COPY --from=BUILD /a /a",
        "COPY --from=0 /a /a",
        "COPY --from=ghcr.io/astral-sh/uv:1 /uv /bin/",
        "FROM scratch",
        "FROM build",
        "EOF",
        "docker build .",
    )
    assert _found(text) == [
        "docker/dockerfile:1",
        "node:24",
        "python:3.13",
        "busybox",
        "${BASE}",
        "ghcr.io/astral-sh/uv:1",
    ]


def test_a_dockerfile_that_is_printed_is_read() -> None:
    assert _found(_commands('echo "FROM nginx:1.29" >Dockerfile')) == ["nginx:1.29"]
    assert _found(_commands(r"printf 'FROM nginx:1.29\nRUN true\n' >Dockerfile")) == ["nginx:1.29"]


def test_image_keys_of_compose_files_and_batch_builds_are_found() -> None:
    compose = _script("cat >compose.yaml <<EOF", "services:", "  web:", "    image: 'nginx:1.29'", "EOF")
    batch = "version: 0.2\nbatch:\n  build-list:\n    - env:\n        image: acme/build:1\n"
    assert _found(compose) == ["nginx:1.29"]
    assert _found(batch) == ["acme/build:1"]
    assert _found(json.dumps({"batch": {"build-list": [{"env": {"image": "acme/build:1"}}]}})) == ["acme/build:1"]


@pytest.mark.parametrize("text", ["", "buildspec.yml", "arn:aws:s3:::bucket/buildspec.yml", "ci/docker pull nginx.yml"])
def test_the_name_of_a_file_has_no_images(text: str) -> None:
    assert _found(text) == []


def test_text_that_only_looks_like_json_is_still_read() -> None:
    assert _found("{not json\n- docker pull nginx\n") == ["nginx"]

"""Compose files, buildspecs, Bitbucket pipelines, and the commands in them."""

from __future__ import annotations

import pytest

from pythonbase_operations.adopt import commands, compose, pipelines
from pythonbase_operations.adopt.discovery import Kind, kind_of
from pythonbase_operations.adopt.model import Contents, FileError, Unknown, Use


def shown(contents: Contents) -> list[tuple[int, str, str]]:
    return [(use.line, use.place, use.reference.canonical) for use in contents.uses]


def read_compose(text: str, files: dict[str, bytes] | None = None) -> Contents:
    return compose.read(text.encode(), sibling=(files or {}).get)


def test_images_of_compose_services() -> None:
    contents = read_compose("""\
x-base: &base
  image: redis:8
services:
  app:
    image: acme/app      # the name of what `build` builds, not pulled
    build: .
  db:
    image: ${MIRROR:-docker.io}/postgres:${PG:-18}
  cache:
    <<: *base
  unknown:
    image: ${REGISTRY}/tool
""")
    assert shown(contents) == [
        (8, "services.db.image", "docker.io/library/postgres:18"),
        (2, "services.cache.image", "docker.io/library/redis:8"),
    ]
    assert [(item.line, item.written) for item in contents.unknown] == [(12, "${REGISTRY}/tool")]
    assert contents.dockerfiles == ("Dockerfile",)


def test_what_compose_builds() -> None:
    dockerfile = b"ARG VERSION=3.13\nFROM python:$VERSION\nCOPY --from=alpine /a /a\n"
    contents = read_compose(
        """\
services:
  inline:
    build:
      dockerfile_inline: |
        FROM nginx:1.29
        COPY --from=redis /a /a
  arguments:
    build:
      context: ./docker
      dockerfile: Prod
      additional_contexts:
        tools: docker-image://busybox
      args:
        - VERSION=3.12
""",
        {"docker/Prod": dockerfile},
    )
    assert shown(contents) == [
        (5, "services.inline.build.dockerfile_inline FROM", "docker.io/library/nginx:1.29"),
        (6, "services.inline.build.dockerfile_inline COPY --from", "docker.io/library/redis:latest"),
        (12, "services.arguments.build.additional_contexts.tools", "docker.io/library/busybox:latest"),
        (14, "services.arguments.build.args for FROM", "docker.io/library/python:3.12"),
    ]
    assert contents.dockerfiles == ("docker/Prod",)


def test_commands_of_a_buildspec() -> None:
    contents = pipelines.read_buildspec(b"""\
version: 0.2
env:
  variables: {IMAGE: "nginx"}
phases:
  pre_build:
    commands:
      - docker pull redis:8
  build:
    commands:
      - |
        set -e
        docker run --rm alpine true
      - echo docker pull mysql
    finally:
      - docker build -f docker/Prod .
batch:
  build-list:
    - identifier: one
      env: {image: golang:1.25}
    - identifier: two
      env: {image: "aws/codebuild/standard:7.0"}
""")
    assert shown(contents) == [
        (7, "docker pull", "docker.io/library/redis:8"),
        (12, "docker run", "docker.io/library/alpine:latest"),
        (19, "batch env.image", "docker.io/library/golang:1.25"),
    ]
    assert contents.dockerfiles == ("docker/Prod",)


def test_images_of_bitbucket_pipelines() -> None:
    contents = pipelines.read_bitbucket(b"""\
image: node:24
definitions:
  services:
    database:
      image: postgres:18
  steps:
    - step: &test
        image:
          name: python:3.13
          username: $USER
        script:
          - docker pull redis:8
          - pipe: docker://acme/pipe:1
            variables: {image: mysql}
          - pipe: atlassian/aws-ecs-deploy:2.0.0
pipelines:
  default:
    - step: *test
    - parallel:
        - step:
            image: $CI_IMAGE
            script: [make]
""")
    assert shown(contents) == [
        (1, "image", "docker.io/library/node:24"),
        (5, "image", "docker.io/library/postgres:18"),
        (9, "image", "docker.io/library/python:3.13"),
        (12, "docker pull", "docker.io/library/redis:8"),
        (13, "pipe", "docker.io/acme/pipe:1"),
    ]
    assert [item.written for item in contents.unknown] == ["$CI_IMAGE"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("docker pull nginx", ["nginx"]),
        ("sudo -E docker pull nginx", ["nginx"]),
        ("sudo docker pull --quiet --platform linux/arm64 nginx", ["nginx"]),
        ("docker pull -a nginx", ["nginx"]),
        ("docker run -it --rm -e A=b -p80:80 --name x nginx:1 sh -c 'docker pull redis'", ["nginx:1"]),
        ("docker run -a stdout nginx", ["nginx"]),
        (
            "docker --context ci container run nginx && docker image pull redis; podman pull mysql",
            ["nginx", "redis", "mysql"],
        ),
        ("X=1 /usr/bin/docker pull nginx || true", ["nginx"]),
        ("id=$(docker create nginx)", ["nginx"]),
        ("ID=x; if docker pull nginx; then docker pull redis; fi", ["nginx", "redis"]),
        ("docker run \\\n  --rm \\\n  nginx\ndocker pull redis", ["nginx", "redis"]),
        ("docker pull nginx # docker pull redis", ["nginx"]),
        ("echo 'a\ndocker pull nginx\n'", ["nginx"]),
        ("docker build --build-context b=docker-image://redis:8 .", ["docker-image://redis:8"]),
        ("docker ps; docker run; docker; docker push nginx; docker run -h; dockerd pull x", []),
        ("docker pull $IMAGE", ["$IMAGE"]),
    ],
)
def test_images_in_commands(script: str, expected: list[str]) -> None:
    found, _ = commands.images(script, line=1)
    assert [item.written for item in found if isinstance(item, Use | Unknown)] == expected


def test_a_command_has_the_line_where_it_begins() -> None:
    found, _ = commands.images("true\ndocker run \\\n --rm nginx\ndocker pull redis", line=10)
    assert [item.line for item in found if item] == [11, 13]


@pytest.mark.parametrize("reader", [read_compose, lambda text: pipelines.read_buildspec(text.encode())])
@pytest.mark.parametrize("text", ["a: [", "a: 1\n---\nb: 2\n", "\tx", "a: *missing", "[" * 5000])
def test_a_malformed_file_is_one_error(reader: object, text: str) -> None:
    assert callable(reader)
    with pytest.raises(FileError):
        reader(text)


@pytest.mark.parametrize(
    "text", ["", "services:", "- a", "x", "services: {a: [1]}", "services: {a: {image: {b: c}}}", "&a [*a]"]
)
def test_a_document_of_another_kind_names_no_images(text: str) -> None:
    assert read_compose(text) == Contents()
    assert pipelines.read_buildspec(text.encode()) == Contents()
    assert pipelines.read_bitbucket(text.replace("image", "x").encode()) == Contents()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Dockerfile", Kind.DOCKERFILE),
        ("dockerfile", Kind.DOCKERFILE),
        ("Dockerfile.prod", Kind.DOCKERFILE),
        ("api.Dockerfile", Kind.DOCKERFILE),
        ("api.dockerfile", Kind.DOCKERFILE),
        ("Containerfile.dev", Kind.DOCKERFILE),
        ("compose.yaml", Kind.COMPOSE),
        ("docker-compose.override.yml", Kind.COMPOSE),
        ("buildspec-test.yml", Kind.BUILDSPEC),
        ("bitbucket-pipelines.yml", Kind.BITBUCKET),
        ("Dockerfile.dockerignore", None),
        ("Dockerfiles", None),
        ("compose.py", None),
        ("README.md", None),
    ],
)
def test_the_kind_of_a_file_follows_from_its_name(name: str, kind: Kind | None) -> None:
    assert kind_of(name) is kind

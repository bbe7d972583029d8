"""Dockerfiles, and what the source policy makes of what they name."""

from __future__ import annotations

from dataclasses import dataclass

from pythonbase_buildspecs import Mirror, SourcePolicy

ECR = "000000000000.dkr.ecr.eu-west-1.amazonaws.com"
BASE, REFUSED, NOTHING = "base", "refused", "nothing"

STAND_INS = ("python:3.13", "python:3.13-slim", "python:3.12*")
STRICT = SourcePolicy(STAND_INS, official_images=Mirror.DENY)
WITH_ECR_PUBLIC = SourcePolicy(STAND_INS, official_images=Mirror.ECR_PUBLIC)
WITH_CACHE = SourcePolicy(STAND_INS, official_images=Mirror.PULL_THROUGH_CACHE, other_images=Mirror.PULL_THROUGH_CACHE)

_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Case:
    """One Dockerfile. `outcome` is BASE, REFUSED or NOTHING, or the reference that is pulled instead."""

    name: str
    dockerfile: str
    outcome: str
    policy: SourcePolicy = STRICT


CASES = [
    # what the base image stands in for, in every spelling and place
    Case("tag", "FROM python:3.13\n", BASE),
    Case("another tag", "FROM python:3.13-slim\n", BASE),
    Case("library", "FROM library/python:3.13\n", BASE),
    Case("docker.io", "FROM docker.io/python:3.13\n", BASE),
    Case("docker.io and library", "FROM docker.io/library/python:3.13-slim\n", BASE),
    Case("index.docker.io", "FROM index.docker.io/library/python:3.13\n", BASE),
    Case("a wildcard's tag", "FROM python:3.12-alpine\n", BASE),
    Case("a wildcard's bare tag", "FROM python:3.12\n", BASE),
    Case("digest", f"FROM python:3.13@{_DIGEST}\n", BASE),
    Case("platform", "FROM --platform=linux/amd64 python:3.13\n", BASE),
    Case("lower case", "from python:3.13 as x\n", BASE),
    Case("argument", "ARG V=3.13\nFROM python:${V}\n", BASE),
    Case("argument's default", "ARG V\nFROM python:${V:-3.13-slim}\n", BASE),
    Case("name from an argument", "ARG IMAGE=docker.io/library/python:3.13\nFROM $IMAGE\n", BASE),
    Case("stages", "FROM python:3.13 AS a\nRUN true\nFROM python:3.13-slim\nCOPY --from=a /etc/os-release /\n", BASE),
    Case("stage named like an image", "FROM python:3.13 AS python\nFROM python\nRUN true\n", BASE),
    Case("stage that nothing needs", "FROM nginx:1.29 AS unused\nFROM python:3.13\n", BASE),
    Case("continued line", "FROM \\\n  python:3.13\n", BASE),
    Case("escape directive", "# escape=`\nFROM `\n  python:3.13\n", BASE),
    Case("CRLF", "FROM python:3.13\r\nRUN true\r\n", BASE),
    Case("byte order mark", "\ufeffFROM python:3.13\n", BASE),
    Case("no new line at the end", "FROM python:3.13", BASE),
    Case("comment and heredoc", "# FROM nginx\nFROM python:3.13\nRUN <<END\necho FROM nginx:1\nEND\n", BASE),
    Case("COPY --from", "FROM scratch\nCOPY --from=python:3.13 /etc/os-release /\n", BASE),
    Case("RUN --mount", "FROM python:3.13\nRUN --mount=from=python:3.13-slim,target=/m test -d /m/etc\n", BASE),
    Case("BASE_IMAGE", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n", BASE),
    Case("scratch", "FROM scratch\nCOPY Dockerfile /\n", NOTHING),
    # what is refused
    Case("no tag", "FROM python\n", REFUSED),
    Case("a tag that nothing stands in for", "FROM python:3.11\n", REFUSED),
    Case("official", "FROM nginx:1.29\n", REFUSED),
    Case("official by digest", f"FROM nginx@{_DIGEST}\n", REFUSED),
    Case("somebody's", "FROM bitnami/redis:7\n", REFUSED),
    Case("registry-1", "FROM registry-1.docker.io/library/nginx:1.29\n", REFUSED),
    Case("registry.hub", "FROM registry.hub.docker.com/library/nginx:1.29\n", REFUSED),
    Case("port", "FROM docker.io:443/library/nginx:1.29\n", REFUSED),
    Case("port of the index", "FROM index.docker.io:443/library/nginx:1.29\n", REFUSED),
    Case("refused COPY --from", "FROM python:3.13\nCOPY --from=nginx:1.29 /etc/nginx /n\n", REFUSED),
    Case("refused RUN --mount", "FROM python:3.13\nRUN --mount=from=busybox,target=/m true\n", REFUSED),
    Case("refused syntax", "# syntax=docker/dockerfile:1\nFROM python:3.13\n", REFUSED),
    Case("put together", "ARG A=ngi\nARG B=nx\nFROM ${A}${B}:1.29\n", REFUSED),
    Case("refused first stage", "FROM node:22 AS web\nRUN true\nFROM python:3.13\nCOPY --from=web /etc /e\n", REFUSED),
    # mirrors
    Case("mirrored", "FROM nginx:1.29\n", "public.ecr.aws/docker/library/nginx:1.29", WITH_ECR_PUBLIC),
    Case("mirrored COPY", "FROM python:3.13\nCOPY --from=busybox:1 /bin /b\n",
         "public.ecr.aws/docker/library/busybox:1", WITH_ECR_PUBLIC),
    Case("mirrored and the base", "FROM python:3.13\n", BASE, WITH_ECR_PUBLIC),
    Case("not in the mirror", "FROM bitnami/redis:7\n", REFUSED, WITH_ECR_PUBLIC),
    Case("cached", "FROM nginx:1.29\n", f"{ECR}/docker-hub/library/nginx:1.29", WITH_CACHE),
    Case("cached, somebody's", "FROM bitnami/redis:7\n", f"{ECR}/docker-hub/bitnami/redis:7", WITH_CACHE),
    Case("cached syntax", "# syntax=docker/dockerfile:1\nFROM python:3.13\n",
         f"{ECR}/docker-hub/docker/dockerfile:1", WITH_CACHE),
    Case("cached and the base", "FROM python:3.13-slim\n", BASE, WITH_CACHE),
]  # fmt: skip

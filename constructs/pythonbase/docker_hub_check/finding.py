"""Findings: their ids, descriptions and fixes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Stack
from constructs import IConstruct

from pythonbase.docker_hub_check.holes import Holes
from pythonbase.docker_hub_check.resolver import Resolver
from pythonbase.docker_hub_check.verdict import Decision, Verdict
from pythonbase_buildspecs.source_policy import ECR_PUBLIC_MIRROR

PULL_RULE = "PythonbaseDockerHub"
CANNOT_TELL_RULE = "PythonbaseDockerHubCannotTell"

# The CDK library parses brackets in ids and replaces spaces with dashes: ids contain only our own pair of brackets.
_SPACES = re.compile(r"\s+")
_BRACKETS = str.maketrans("[({])}", "<<<>>>")


@dataclass(frozen=True)
class Rule:
    """What is found, without the place.

    Args:
        id: Id for acknowledgements, such as ``PythonbaseDockerHub[docker.io/library/nginx:1.29]``.
        description: What is wrong.
        fix: What to write instead.
    """

    id: str
    description: str
    fix: str


@dataclass(frozen=True)
class Finding:
    """One reference in one resource.

    Args:
        rule: What is found.
        template: Path of the template.
        logical_id: The resource in it.
        location: Path of the property, such as ``Properties.ContainerDefinitions.0.Image``.
    """

    rule: Rule
    template: Path
    logical_id: str
    location: str


def cannot_tell(construct: IConstruct, image: str) -> str:
    """Id for an acknowledgement: of the finding for an image that is known only at deployment.

    Args:
        construct: Any construct of the stack that uses the image.
        image: The reference with CDK tokens in it.
    """
    holes = Holes()
    (text,) = Resolver({}, holes).texts(Stack.of(construct).resolve(image))
    return _id(CANNOT_TELL_RULE, holes.readable(text))


def rule_for(decision: Decision, holes: Holes) -> Rule | None:
    """The rule that a decision violates; None if there is none."""
    shown = holes.readable(decision.reference)
    if decision.verdict is Verdict.ELSEWHERE:
        return None
    if decision.verdict is Verdict.DOCKER_HUB:
        return Rule(_id(PULL_RULE, shown), f"{shown} is pulled from Docker Hub, which limits pulls", _instead(shown))
    if not decision.well_formed:
        return Rule(
            _id(CANNOT_TELL_RULE, shown),
            f"Cannot tell whether {shown!r} is pulled from Docker Hub: it is no image reference",
            "Write [registry/]repository[:tag][@digest], with the registry",
        )
    return Rule(
        _id(CANNOT_TELL_RULE, shown),
        f"Cannot tell whether {shown} is pulled from Docker Hub: its registry is known only at deployment",
        "Write the registry in the template, as repository.repository_uri_for_tag() of an ECR repository does, "
        "or acknowledge the finding on this construct and say where the value comes from",
    )


def _id(rule: str, finding: str) -> str:
    name = _SPACES.sub("-", finding).translate(_BRACKETS)
    return f"{rule}[{name}]"


def _instead(reference: str) -> str:
    path = reference.removeprefix("docker.io/")
    copy = (
        f"an image in your own ECR: <account>.dkr.ecr.<region>.amazonaws.com/{path}, copied or pulled through a cache"
    )
    official = path.startswith("library/")
    return f"Write {ECR_PUBLIC_MIRROR}/{path}, or {copy}" if official else f"Write {copy}"

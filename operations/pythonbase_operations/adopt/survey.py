"""Reads a repository, and applies the policy to the images that it names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pythonbase_buildspecs import SourcePolicy
from pythonbase_operations.adopt import compose, discovery, pipelines, stages
from pythonbase_operations.adopt.convention import PIPELINE_ARGUMENTS, Convention, advice, replacement
from pythonbase_operations.adopt.directives import SYNTAX
from pythonbase_operations.adopt.discovery import Candidate, Kind
from pythonbase_operations.adopt.model import Build, Contents, FileError, Finding, Unknown
from pythonbase_operations.printing import one_line

PIPELINE_BUILD = Build(arguments=PIPELINE_ARGUMENTS)
"""The build of a pipeline."""


@dataclass(frozen=True)
class Problem:
    """A file that could not be read; the message is one line."""

    path: str
    message: str
    line: int | None = None


@dataclass
class Survey:
    """What was found in a repository.

    Args:
        files: Files that were read, with their paths as the report shows them.
        findings: References to Docker Hub.
        unknown: Names that depend on variables, with the path of their file.
        problems: Files that could not be read.
    """

    files: dict[str, Candidate] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unknown: list[tuple[str, Unknown]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether a build of the pipeline would be refused."""
        return any(finding.fails for finding in self.findings)


def survey(paths: Iterable[Path], policy: SourcePolicy, convention: Convention) -> Survey:
    """Read files and folders.

    Args:
        paths: Repositories, folders or single files.
        policy: What their builds may pull.
        convention: How Dockerfiles should name the base image.
    """
    result = Survey()
    seen: set[str] = set()
    for path in paths:
        waiting: list[Candidate] = []
        for found in discovery.candidates(path):
            if isinstance(found, Candidate):
                waiting.append(found)
            else:
                result.problems.append(Problem(shown(found[0]), found[1].message))
        while waiting:
            candidate = waiting.pop(0)
            identity = os.path.realpath(candidate.path)
            if identity not in seen:
                seen.add(identity)
                waiting += _add(result, candidate, policy, convention)
    result.findings.sort(key=lambda finding: (finding.path, finding.use.line))
    result.problems.sort(key=lambda problem: (problem.path, problem.line or 0))
    return result


def _add(result: Survey, candidate: Candidate, policy: SourcePolicy, convention: Convention) -> list[Candidate]:
    """Add what a file names; returns the Dockerfiles among it."""
    path = shown(candidate.path)
    try:
        contents = read(candidate)
        result.files[path] = candidate
    except FileError as error:
        result.problems.append(Problem(path, one_line(error.message), error.line))
        contents = Contents(uses=error.seen)
    result.unknown += [(path, unknown) for unknown in contents.unknown]
    for use in contents.uses:
        if use.reference.is_docker_hub:
            decide = policy.decide_frontend if use.place == SYNTAX else policy.decide
            decision = decide(use.reference)
            result.findings.append(
                Finding(
                    path=path,
                    use=use,
                    decision=decision,
                    replacement=replacement(use, decision, convention),
                    advice=advice(use, decision, convention),
                )
            )
    # Commands of CI systems run in the repository's root, Compose in the folder of its file.
    folder = candidate.path.parent if candidate.kind is Kind.COMPOSE else candidate.root
    named = [Path(os.path.normpath(folder / name)) for name in contents.dockerfiles]
    return [Candidate(path, candidate.root, Kind.DOCKERFILE) for path in named if path.is_file()]


def read(candidate: Candidate) -> Contents:
    """What a file names.

    Raises:
        FileError: if it cannot be read, or is malformed.
    """
    data = discovery.read(candidate)
    if candidate.kind is Kind.DOCKERFILE:
        return Contents(uses=tuple(stages.images(data, PIPELINE_BUILD)))
    if candidate.kind is Kind.COMPOSE:
        return compose.read(data, sibling=lambda name: _sibling(candidate, name))
    if candidate.kind is Kind.BUILDSPEC:
        return pipelines.read_buildspec(data)
    return pipelines.read_bitbucket(data)


def _sibling(candidate: Candidate, name: str) -> bytes | None:
    path = Path(os.path.normpath(candidate.path.parent / name))
    try:
        return discovery.read(Candidate(path, candidate.root, Kind.DOCKERFILE))
    except FileError:
        return None


def shown(path: Path) -> str:
    """A path as reports show it."""
    return one_line(path.as_posix(), at_most=None)

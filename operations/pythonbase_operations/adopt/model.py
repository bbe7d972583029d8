"""What adopt finds in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pythonbase_buildspecs import Decision, ImageReference, Outcome


class FileError(Exception):
    """A file that cannot be read, or that the program it is written for would refuse.

    Args:
        message: What is wrong, in one line.
        line: Where, counted from 1. None if it concerns the whole file.
        seen: What the builder resolves before it reaches the error.
    """

    def __init__(self, message: str, line: int | None = None, *, seen: tuple[Use, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.seen = seen


class Builder(StrEnum):
    """Versions of Docker's builder that read the same Dockerfile differently. CodeBuild has the later one."""

    DOCKER_26 = "26"
    DOCKER_28 = "28"


@dataclass(frozen=True, kw_only=True)
class Build:
    """What a build gets besides its Dockerfile.

    Args:
        arguments: Build arguments.
        target: Stage that is built, as ``--target`` names it. Default: the last one.
        architecture: Architecture of the build machine, as Docker names it. Default: amd64, as in CodeBuild projects.
        builder: The builder that reads the Dockerfile. Default: the builder of CodeBuild.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    architecture: str = "amd64"
    builder: Builder = Builder.DOCKER_28


class Reach(StrEnum):
    """What pulls an image, and when."""

    BUILT = "built"
    """The builder, in every build of the Dockerfile."""
    TARGET = "target"
    """The builder, but only when another stage is built with ``--target``."""
    TRIGGER = "trigger"
    """The builder, in builds that start from the image that this Dockerfile builds."""
    OUTSIDE = "outside"
    """Not a build with the source policy, but Docker Compose, a CI system, or a command in a script."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """An image that a file names.

    Args:
        line: Where, counted from 1.
        place: Instruction or key that names it, such as ``FROM`` or ``services.db.image``.
        written: The name as written in the file.
        reference: The name with variables replaced.
        reach: What pulls it, and when.
        span: Start and end of the name's bytes in the file; None if it cannot be replaced as a whole.
    """

    line: int
    place: str
    written: str
    reference: ImageReference
    reach: Reach = Reach.OUTSIDE
    span: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A name that depends on variables that are known only at run time."""

    line: int
    place: str
    written: str


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a file names: images, names with unknown variables, and Dockerfiles by path relative to the file."""

    uses: tuple[Use, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    dockerfiles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A reference to Docker Hub, and what builds do with it.

    Args:
        path: The file, as the report shows it.
        use: The reference.
        decision: What the policy does with it, or would do if it applied.
        replacement: What to write instead; None if there is no replacement.
        advice: What to do, if writing the replacement is not enough.
    """

    path: str
    use: Use
    decision: Decision
    replacement: str | None
    advice: str | None

    @property
    def is_enforced(self) -> bool:
        """Whether a build of the pipeline applies the decision."""
        return self.use.reach is Reach.BUILT

    @property
    def fails(self) -> bool:
        """Whether the pipeline's build fails because of it."""
        return self.is_enforced and self.decision.outcome is Outcome.REFUSED

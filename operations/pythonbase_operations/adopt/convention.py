"""How a team's Dockerfiles name the base image."""

from __future__ import annotations

from dataclasses import dataclass

from pythonbase_buildspecs import Decision, ImageReference, Outcome
from pythonbase_buildspecs.source_policy import BASE_IMAGE, ECR_PUBLIC_MIRROR, PULL_THROUGH_CACHE
from pythonbase_operations.adopt.model import Reach, Use

# Example values of these arguments. No Dockerfile contains them, and they do not name Docker Hub.
PIPELINE_ARGUMENTS = {
    BASE_IMAGE: f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/pythonbase@sha256:{'0' * 64}",
    "Account_ID": "123456789012",
}


@dataclass(frozen=True)
class Convention:
    """A build argument, and the text after ``FROM``."""

    argument: str
    image: str


BASE_IMAGE_CONVENTION = Convention(BASE_IMAGE, f"${{{BASE_IMAGE}}}")


def account_id_convention(*, region: str, base_image: str) -> Convention:
    """The convention that names the registry by its account."""
    return Convention("Account_ID", f"${{Account_ID}}.dkr.ecr.{region}.amazonaws.com/{base_image}")


def replacement(use: Use, decision: Decision, convention: Convention) -> str | None:
    """What to write instead of a reference; None if there is no replacement."""
    if decision.outcome is Outcome.BASE_IMAGE:
        return convention.image if use.place == "FROM" else None
    return decision.instead


def is_rewritable(use: Use, decision: Decision) -> bool:
    """Whether ``--write`` can put the replacement in the place of the reference."""
    if use.span is None or use.reach is Reach.OUTSIDE or use.place.startswith("ONBUILD"):
        return False
    if decision.outcome is Outcome.BASE_IMAGE:
        return use.place == "FROM"
    return decision.outcome is Outcome.MIRRORED and PULL_THROUGH_CACHE not in str(decision.instead)


def advice(use: Use, decision: Decision, convention: Convention) -> str | None:
    """What to do about a reference, if writing the replacement is not enough."""
    text = None
    if use.reach is Reach.OUTSIDE and decision.outcome is not Outcome.MIRRORED:
        text = "name the base image in your registry" if decision.outcome is Outcome.BASE_IMAGE else None
    elif decision.outcome is Outcome.REFUSED:
        if use.place.endswith("syntax"):
            text = "push a copy of this frontend to ECR and write its name, or remove the line"
        else:
            text = _elsewhere(use.reference)
    elif decision.outcome is Outcome.BASE_IMAGE and use.place != "FROM":
        text = f"variables are not allowed here: name a stage that starts FROM {convention.image}"
    elif PULL_THROUGH_CACHE in str(decision.instead):
        text = f"{PULL_THROUGH_CACHE} is the registry and prefix of the account's cache"
    elif use.reach is not Reach.OUTSIDE and use.span is None:
        text = "rewrite it by hand: --write cannot replace it"
    return text


def _elsewhere(reference: ImageReference) -> str:
    """Where to get a refused image from; the build prints the same."""
    if reference.is_official:
        path = reference.canonical.partition("/")[2]
        return f"write {ECR_PUBLIC_MIRROR}/{path}, ECR Public's mirror of it, or start from the base image"
    return "push a copy to ECR and write its name, or start from the base image"

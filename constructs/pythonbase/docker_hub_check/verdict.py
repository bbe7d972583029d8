"""Decides whether a reference, parts of which may be unknown, is on Docker Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pythonbase.docker_hub_check.holes import HOLE
from pythonbase_buildspecs.image_reference import HUB_HOSTS, ImageReference


class Verdict(StrEnum):
    """Where an image comes from."""

    DOCKER_HUB = "docker hub"
    ELSEWHERE = "elsewhere"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Decision:
    """The verdict on one reference.

    Args:
        verdict: Where the image comes from.
        reference: The reference; in its full form, including holes, if it is on Docker Hub.
        well_formed: Whether Docker could accept it as a reference.
    """

    verdict: Verdict
    reference: str
    well_formed: bool = True


def decide(text: str) -> Decision:
    """Decide by the registry: only holes before the first slash matter.

    Args:
        text: A reference, with holes for what is unknown. A hole is assumed to be within one part of the reference,
            such as an account or a Region, not half a path.
    """
    first, slash, _ = text.partition("/")
    deciding = first if slash else re.split("[:@]", text, maxsplit=1)[0]
    if HOLE.search(deciding):
        elsewhere = bool(slash) and _is_host(first) and not _may_be_hub(first)
        return Decision(Verdict.ELSEWHERE if elsewhere else Verdict.CANNOT_TELL, text)
    name, _, digest = text.partition("@")
    unknown_digest = f"@{digest}" if HOLE.search(digest) else ""
    try:
        reference = ImageReference.parse(_fill(name if unknown_digest else text))
    except ValueError:
        return Decision(Verdict.CANNOT_TELL, text, well_formed=False)
    if not reference.is_docker_hub:
        return Decision(Verdict.ELSEWHERE, text)
    full = reference.canonical
    if unknown_digest:
        full = reference.name + (f":{reference.tag}" if reference.tag else "") + unknown_digest
    return Decision(Verdict.DOCKER_HUB, _restore(full))


def _is_host(first: str) -> bool:
    """Whether the known characters make the first part a host, as Docker reads it."""
    return "." in first or ":" in first


def _may_be_hub(host: str) -> bool:
    pattern = "".join(".*" if HOLE.match(character) else re.escape(character) for character in host)
    return any(re.fullmatch(pattern, hub + port, flags=re.IGNORECASE) for hub in HUB_HOSTS for port in ("", ":443"))


# A word that is valid wherever a hole can be: in a path, in a tag.
_FILLING = re.compile(r"hole([0-9]+)hole")


def _fill(text: str) -> str:
    return HOLE.sub(lambda match: f"hole{ord(match[0])}hole", text)


def _restore(text: str) -> str:
    return _FILLING.sub(lambda match: chr(int(match[1])), text)

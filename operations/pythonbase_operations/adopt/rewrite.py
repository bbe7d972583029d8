"""Rewrites references in Dockerfiles to the team's convention, and changes nothing else."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from pythonbase_operations.adopt import discovery
from pythonbase_operations.adopt.convention import Convention, is_rewritable
from pythonbase_operations.adopt.directives import BOM
from pythonbase_operations.adopt.discovery import Kind
from pythonbase_operations.adopt.instructions import read_instructions
from pythonbase_operations.adopt.model import FileError, Finding
from pythonbase_operations.adopt.stages import images
from pythonbase_operations.adopt.survey import PIPELINE_BUILD, Survey


def rewrite(survey: Survey, convention: Convention) -> list[str]:
    """Rewrite every Dockerfile of a survey that has something to rewrite.

    Returns:
        Paths of the files that were changed, as the survey has them.

    Raises:
        FileError: if a file cannot be written. The files before it are already changed.
    """
    changed = []
    for path, candidate in survey.files.items():
        findings = [finding for finding in survey.findings if finding.path == path]
        if candidate.kind is Kind.DOCKERFILE and any(is_rewritable(found.use, found.decision) for found in findings):
            try:
                before = discovery.read(candidate)
                after = rewritten(before, findings, convention)
                _replace(discovery.inside(candidate), after)
            except OSError as error:
                raise FileError(f"{path}: cannot be written: {error.strerror}") from None
            except FileError as error:
                raise FileError(f"{path}: {error.message}") from None
            changed.append(path)
    return changed


def rewritten(data: bytes, findings: list[Finding], convention: Convention) -> bytes:
    """A Dockerfile with its references replaced.

    Args:
        data: The file.
        findings: What was found in it.
        convention: How it should name the base image.

    Raises:
        FileError: if the builder would not read the result as intended.
    """
    chosen = [finding for finding in findings if is_rewritable(finding.use, finding.decision)]
    result = data
    for finding in sorted(chosen, key=lambda each: each.use.span or (0, 0), reverse=True):
        if finding.use.span is not None and finding.replacement is not None:
            start, end = finding.use.span
            result = result[:start] + finding.replacement.encode() + result[end:]
    if any(finding.replacement == convention.image for finding in chosen):
        instructions = read_instructions(data, PIPELINE_BUILD)
        if convention.argument not in instructions.arguments:
            result = _declared(result, convention.argument, line=instructions.stages[0].line)
    _verify(data, result, rewritten_count=len(chosen))
    return result


def _declared(data: bytes, argument: str, *, line: int) -> bytes:
    """The file with ``ARG`` before its first ``FROM``, which is on this line."""
    lines = data.split(b"\n")
    index = line - 1
    end = b"\r" if lines[index].endswith(b"\r") or (index + 1 == len(lines) and b"\r\n" in data) else b""
    # A byte order mark stays at the start of the file.
    bom = BOM if index == 0 and data.startswith(BOM) else b""
    lines[index : index + 1] = [bom + f"ARG {argument}".encode() + end, lines[index].removeprefix(bom)]
    return b"\n".join(lines)


def _verify(before: bytes, after: bytes, *, rewritten_count: int) -> None:
    """Read the result again: only the rewritten references to Docker Hub are gone, and there is no new one."""
    old = [use for use in images(before, PIPELINE_BUILD) if use.reference.is_docker_hub]
    new = [use for use in images(after, PIPELINE_BUILD) if use.reference.is_docker_hub]
    if len(new) != len(old) - rewritten_count or not {use.reference for use in new} <= {use.reference for use in old}:
        raise FileError("cannot be rewritten safely; left as it is")


def _replace(path: Path, data: bytes) -> None:
    """Write a file atomically, and keep its mode."""
    mode = path.stat().st_mode
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{re.sub(r'[^A-Za-z0-9.]', '', path.name)}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).chmod(mode & 0o7777)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise

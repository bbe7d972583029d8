"""Says in at most three lines why the build of an image failed.

Part of the builds: standard library only. Usage: ``python3 explain.py [--summary] LOG DOCKERFILE [CONTEXT]``.

LOG has what the builder (``--progress=plain``), the registry or the tests printed. DOCKERFILE is its path in the
repository, CONTEXT the folder that it copies from (default: the current one). Prints what failed and where, the one or
two lines of the tool that matter, and what to do if that is known. With ``--summary`` it prints all in one line.

Environment, both optional: ``FRONTEND``, the frontend that the Dockerfile asks for and that this build may not pull,
and ``DOCKER_VERSION``, the version of the builder, whose own frontend is used instead. The exit code is always 0.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from pythonbase_buildspecs.scripts import known_failures as known
else:  # in a build, where both files are in one folder
    import known_failures as known

LONGEST_LINE, LONGEST_SUMMARY = 240, 300
LONGEST_INSTRUCTION = 80
READ_BYTES, READ_LINES, READ_COLUMNS, STEP_LINES = 8_000_000, 50_000, 1_000, 3_000

# -- reading the log ---------------------------------------------------------------------------------------------------

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
SOLVE = re.compile(r"^(?:ERROR: )?(?:failed to build: )?failed to solve: (.*)")
RETRIED = re.compile(r"^the registry is busy: next attempt in ")
TESTS_ENDED = re.compile(
    r"^error: the tests ended with (.*)|^=+ ((?:\d+ \w+, )*\d+ (?:failed|errors?)[^=]* in \S+)[^=]*=+$"
)
WRAPPERS = re.compile(
    r'^(?:(?:ResourceExhausted|rpc error: code = \w+ desc =|failed to compute cache key|process "(?:[^"\\]|\\.)*" did '
    r"not complete successfully|failed to calculate checksum of ref \S+|dockerfile parse error on line \d+):? |"
    r"(?:\S+: )?failed to resolve source metadata for \S+: )+"
)
OTHER = re.compile(
    r"(?i)^(?:error|denied|unauthorized|name unknown|tag invalid|toomanyrequests|manifest unknown|no basic auth|"
    r"unknown:|an error occurred|received unexpected|failed to)\b"
)
WHAT = [
    ("login", r"login|GetAuthorizationToken"),
    ("push", r"^name unknown|push|LayerUpload|PutImage|already exists|unknown blob"),
]


def read(file: str) -> list[str]:
    """The last lines of the log, each without colours and cut to what a pattern may have to look at."""
    with open(file, "rb") as opened:
        opened.seek(max(0, os.path.getsize(file) - READ_BYTES))
        text = ANSI.sub("", opened.read().decode("utf-8", "replace"))
    lines = [_cut(line).rstrip().replace("\r", "\\r") for line in text.split("\n")[-READ_LINES:]]
    retried = max((index for index, line in enumerate(lines) if RETRIED.match(line)), default=-1)
    return lines[retried + 1 :]


def _cut(line: str) -> str:
    """Without the middle of a long line: the end of BuildKit's error has the exit code."""
    return line if len(line) <= READ_COLUMNS else line[: READ_COLUMNS // 2] + line[-READ_COLUMNS // 2 :]


def find(lines: list[str], source: known.Source) -> known.Failure | None:
    """The last failure in the log."""
    for index in range(len(lines) - 1, -1, -1):
        solve, tests = SOLVE.match(lines[index]), TESTS_ENDED.match(lines[index])
        if solve:
            return _step(lines[: index + 1], solve[1], source)
        if tests:
            output = [line for line in lines[:index] if not re.match(r"#\d+ ", line)]
            return known.Failure(known.TESTS_FAILED, "", tests[1] or tests[2], output[-STEP_LINES:])
    error = next((line for line in reversed(lines) if OTHER.match(line)), None)
    if error is None:
        return None
    what = next((what for what, pattern in WHAT if re.search(pattern, error)), "")
    return known.Failure(what, "", re.sub(r"(?i)^error:\s*", "", error), [])


def _step(lines: list[str], error: str, source: known.Source) -> known.Failure:
    """What BuildKit says of its failure: number of the failed step, excerpt of the Dockerfile, the error."""
    steps = [match for match in (re.match(r"#(\d+) ERROR: (.*)", line) for line in lines) if match]
    failed = next((step[1] for step in reversed(steps) if step[2] in error), steps[-1][1] if steps else "")
    output = [match[1] for match in (re.match(rf"#{failed} \d+\.\d+ (.*)", line) for line in lines) if match]
    marked = [match for match in (re.match(r" *(\d+) \| >>> (.*)", line) for line in lines) if match]
    placed = [match for match in (re.match(r"\S+:(\d+)$", line) for line in lines) if match]
    parsed = re.search(r"parse error on line (\d+)", error)
    number = parsed[1] if parsed else placed[-1][1] if placed else ""
    instruction = " ".join(match[2].rstrip("\\ ") for match in marked)
    where = f"{source.dockerfile}:{number}" if number else source.dockerfile
    return known.Failure(where, instruction, WRAPPERS.sub("", error), output[-STEP_LINES:])


# -- explaining --------------------------------------------------------------------------------------------------------


def explain(lines: list[str], source: known.Source, *, frontend: str = "", version: str = "") -> list[str]:
    """What is printed: the error, lines of the tool, the fix."""
    failure = find(lines, source)
    if not failure:
        last = [line for line in lines if line.strip()][-2:]
        return [clean(line) for line in ("error: the build failed", *last)]
    only = refused(failure, source) or newer_frontend(failure, lines, frontend, version)
    if only:
        return [only]
    shown, fix = matters(failure, source)
    return [headline(failure), *(clean(line) for line in shown), *([clean(f"fix: {fix}")] if fix else [])]


def headline(failure: known.Failure) -> str:
    before = f"error: {failure.where}: " if failure.where else "error: "
    if not failure.instruction:
        return clean(before + failure.error)
    error = clean(failure.error, 120)
    room = min(LONGEST_INSTRUCTION, LONGEST_LINE - len(before) - len(error) - 2)
    return clean(f"{before}{clean(failure.instruction, room)}: {error}")


def refused(failure: known.Failure, source: known.Source) -> str:
    """For an image of Docker Hub that the source policy refused: what to write instead."""
    match = re.search(r'source "docker-image://([^"]+)" (?:denied|not allowed)', failure.error)
    if not match or not re.match(
        r"docker\.io[/:]|(?:index|registry-1)\.docker\.io|registry\.hub\.docker\.com", match[1]
    ):
        return ""
    name = re.sub(r"^docker\.io/library/", "", match[1])
    where = failure.where
    if where == source.dockerfile and Path(where).is_file():  # BuildKit names the line of most sources only
        written = name.removesuffix(":latest")
        lines = Path(where).read_text(errors="replace").splitlines()
        where += next((f":{number}" for number, line in enumerate(lines, start=1) if written in line), "")
    instead = "push a copy to ECR and write its name,"
    if name != match[1]:
        instead = f"write public.ecr.aws/docker/library/{name}, ECR Public's mirror of it,"
    says = f" is on Docker Hub, which this build may not use: {instead} or start from the base image"
    return fitted(f"error: {where}: ", match[1], says, least=20)


def newer_frontend(failure: known.Failure, lines: list[str], frontend: str, version: str) -> str:
    """For a Dockerfile that the builder's own frontend cannot read, when it asks for another one."""
    if not frontend or not any("dockerfile parse error on line" in line for line in lines if SOLVE.match(line)):
        return ""
    builder = f"this builder, Docker {version}," if version else "this builder"
    before = f"error: {failure.where}: the frontend of {builder} does not know this ("
    says = f"), and {frontend} is on Docker Hub: write it without, or push a copy of the frontend to ECR and name that"
    return fitted(before, failure.error, f"{says} in # syntax=", least=60)


def matters(failure: known.Failure, source: known.Source) -> tuple[list[str], str]:
    """The lines of the output that matter, two or, with a fix, one; and what to do.

    CodeBuild prints two lines after these, and more if the buildspec has artifacts: they are to be near the end.
    """
    found: dict[int, tuple[int, re.Match[str]]] = {}
    for index, line in enumerate(failure.output):
        for rank, entry in enumerate(known.OUTPUT):
            match = entry.pattern.search(line)
            if match:
                if entry.last or rank not in found:
                    found[rank] = index, match
                break
    ranks = sorted(found)
    said = [(entry, entry.pattern.search(failure.error)) for entry in known.ERRORS]
    said += [(known.OUTPUT[rank], found[rank][1]) for rank in ranks]
    fixes = (_fix(entry, match, failure, source) for entry, match in said if match)
    fix = next(filter(None, fixes), "")
    if failure.where == known.TESTS_FAILED and fix in ("", known.NETWORK, known.CREDENTIALS):
        fix = known.TESTS
    most = ranks[: 1 if fix else 2]
    shown = [failure.output[index] for index in sorted(found[rank][0] for rank in most)]
    return shown or [line for line in failure.output if line.strip()][-1:], fix


def _fix(entry: known.Known, match: re.Match[str], failure: known.Failure, source: known.Source) -> str:
    if isinstance(entry.fix, str):
        return entry.fix.format(*match.groups())
    try:
        return entry.fix(known.Found(match, failure, source))
    except (OSError, ValueError):  # of a name in the log that cannot be a file's
        return ""


def clean(text: str, longest: int = LONGEST_LINE) -> str:
    """One line without control characters and passwords, at most so long."""
    text = "".join(" " if unicodedata.category(character)[0] == "C" else character for character in text)
    text = re.sub(r"://[^/@\s]+@", "://***@", " ".join(text.split()))
    if len(text) <= longest:
        return text
    end = longest // 3  # often the reason
    return f"{text[: longest - end - 3]}...{text[-end:]}"


def fitted(before: str, middle: str, after: str, *, least: int) -> str:
    """One line, of which first the middle is cut, but not to less than `least`, and then the end."""
    text = before + clean(middle, max(least, LONGEST_LINE - len(before) - len(after))) + after
    return clean(text, len(text))[:LONGEST_LINE]


def summary(lines: list[str]) -> str:
    """All in one line. If it is too long: the last of the tool's lines only, each part cut."""
    if len("; ".join(lines)) > LONGEST_SUMMARY and len(lines) > 1:
        fix = lines[-1:] if lines[-1].startswith("fix: ") else []
        lines = [clean(lines[0], 110), *(clean(line, 90) for line in lines[1 : len(lines) - len(fix)][-1:]), *fix]
    return "; ".join(lines)[:LONGEST_SUMMARY]


def main(arguments: list[str]) -> list[str]:
    """The lines to print."""
    options = [argument for argument in arguments if argument.startswith("--")]
    log, dockerfile, context = [*(argument for argument in arguments if argument not in options), "", "", "."][:3]
    frontend, version = os.environ.get("FRONTEND", "").strip(), os.environ.get("DOCKER_VERSION", "").strip()
    try:
        source = known.Source(dockerfile or "Dockerfile", Path(context or "."))
        said = explain(read(log), source, frontend=frontend, version=version)
    except Exception as error:  # this program is run when a build has failed, and must not hide why
        said = ["error: the build failed", clean(f"not explained: {error}")]
    return [summary(said)] if "--summary" in options else said


if __name__ == "__main__":
    sys.stdout.buffer.write("".join(f"{line}\n" for line in main(sys.argv[1:])).encode())

"""What fails in builds of images: the lines that matter in an output, and what to do about them.

Beside explain.py in the builds: standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TESTS_FAILED = "the tests failed"
MOST_STARS = 5  # in a line of .dockerignore, so that none takes long


class Source(NamedTuple):
    """What was built."""

    dockerfile: str
    context: Path


class Failure(NamedTuple):
    """What failed: a line of the Dockerfile with its instruction, or for example the push without one."""

    where: str
    instruction: str
    error: str
    output: list[str]


class Found(NamedTuple):
    """A known line, in a failure of a build."""

    match: re.Match[str]
    failure: Failure
    source: Source


class Known(NamedTuple):
    """Lines that matter, and what to do about them: a text with the groups of the pattern, or a function."""

    pattern: re.Pattern[str]
    fix: str | Callable[[Found], str]
    last: bool


def known(pattern: str, fix: str | Callable[[Found], str] = "", *, last: bool = False) -> Known:
    """`last`: of several such lines the last one matters, not the first."""
    return Known(re.compile(pattern), fix, last)


# -- what to do --------------------------------------------------------------------------------------------------------

CRLF = "the script has Windows line ends (CRLF): save it with LF, and write *.sh text eol=lf to .gitattributes"
DISK = (
    "the disk of the build host is full: copy less into the image, delete caches in the same RUN, or use a larger host"
)
MEMORY = "the build host ran out of memory: run fewer jobs at the same time in this step, or use a larger build host"
ARCHITECTURE = (
    "an image or a program is for another CPU architecture: use the one of the build host, or a multi-arch image"
)
HUB_CLOSED = "this build cannot reach Docker Hub: use an image of ECR or public.ecr.aws, or start from the base image"
TESTS = "the tests failed: run them in the image, without network as this build does, and correct what they report"
HASHES = (
    "the hashes in the requirements are not those of the packages: pin all of them again, for example with pip-compile"
)
DENIED = "the package index refuses the credentials of this step (401 or 403): check the token and its expiry"
NETWORK = "the build cannot reach this server: check its name, and the network and proxy of the build"
CREDENTIALS = (
    "the steps of a Dockerfile get no AWS credentials in this build: fetch the files before it, or when the app starts"
)
LOCK = "the lock file does not fit the project file: lock again, and commit the lock file"
RIGHTS = "this step runs as a user that may not write there: do it before USER, or use COPY --chown"
EXECUTABLE = "{0} is not executable: run git update-index --chmod=+x on it and commit, or chmod +x in the Dockerfile"
PORT = "only root may use ports below 1024: let the app listen on a port such as 8080"
VERSION = "ask for a version that the index has for this Python, or correct the name"
APT_UPDATE = "run apt-get update in the same RUN, before apt-get install"
NO_NPM = "correct the name or the version of the package, or the registry in .npmrc"
BUSY = "the registry was busy for longer than this build waits: start the build again later"
NO_TAG = "the registry has no such image: correct the name or the tag"
NO_LOGIN = "the registry refuses this build: check the name, and the permissions of the build's role"


def compiler_missing(found: Found) -> str:
    what = next(filter(None, found.match.groups()), "a compiler")
    package = (
        "build-essential and the -dev package that has it" if what.endswith((".h", "_config")) else "build-essential"
    )
    name = _compiled(found.failure)
    wheel = f", or use a version of {name} that has a wheel (this Python may be newer than its wheels)" if name else ""
    return f"{what} is not in the image: install {package} in a build stage{wheel}"


def wheel_missing(found: Found) -> str:
    name = _compiled(found.failure)
    if not name:  # the project itself
        return ""
    return (
        f"{name} has no wheel for this Python and is compiled: this Python may be newer than its wheels, so use"
        f" a version of {name} that has one, or an older Python"
    )


def _compiled(failure: Failure) -> str:
    """The package that pip or uv compiles; empty if there is none, or if it is the project of the repository."""
    output = "\n".join(failure.output)
    if re.search(r"^Processing |@ file:", output, re.MULTILINE):
        return ""
    names = re.findall(r"Failed building wheel for ([\w.-]+)|Failed to build [`']([\w.-]+)", output)
    names = names or re.findall(r"(?:Downloading|Using cached) (?:\S+/)?([\w.-]+?)-\d[\w.]*\.tar\.gz()", output)
    if names:
        return "".join(names[-1])
    return "the package" if "build wheel" in output or "metadata-generation-failed" in output else ""


def package_missing(found: Found) -> str:
    if re.search(r"apt(-get)?\s(-\S+\s)*update", found.failure.instruction):
        return "this release of the distribution has no such package: correct its name"
    return APT_UPDATE


def program_missing(found: Found) -> str:
    name, source = found.match[1], found.source
    if "/" not in name:
        return f"{name} is not in the image: install it before this step"
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    files = [source.context.joinpath(*parts[start:]) for start in range(len(parts))]
    file = next((file for file in files if file.is_file()), None)
    if not file:
        return f"{name} is not in the image: copy it before this step"
    with file.open("rb") as opened:
        first = opened.readline(1_000)
    return CRLF if first.endswith(b"\r\n") else f"the image lacks what the first line of {name} names: install it"


def module_missing(found: Found) -> str:
    if _compiled(found.failure):
        return ""  # of the environment in which pip compiles
    return f"{found.match[1]} is not installed in the image: add it to what the image installs"


def file_missing(found: Found) -> str:
    name, source = found.match[1].strip("/"), found.source
    other = re.search(r"--from=(\S+)", found.failure.instruction)
    if other:
        return f"--from={other[1]} has no /{name}: correct the path, or make the file there"
    beside = Path(source.dockerfile).parent / name
    if not (source.context / name).resolve().is_relative_to(Path.cwd()):
        return ""
    if (source.context / name).exists():
        file, number, pattern = _ignored(name, source)
        if file:
            return f"line {number} of {file}, {pattern}, leaves {name} out: remove it, or add !{name} after it"
        return f"{name} is there, but not as the builder sees it: check upper and lower case, and links"
    if beside.exists():
        return (
            f"paths start at the context ({source.context}), not at the Dockerfile: write {beside}, or set the context"
        )
    return f"the context ({source.context}) has no {name}: commit the file, or correct the path"


def _ignored(name: str, source: Source) -> tuple[str, int, str]:
    """File, number and text of the line that decides, if it leaves the name out: the last one that matches.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    own = Path(f"{source.dockerfile}.dockerignore")
    file = own if own.is_file() else source.context / ".dockerignore"
    decides = ("", 0, "")
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    for number, line in enumerate(lines, start=1):
        pattern = line.strip()
        glob = re.escape(pattern.lstrip("!").strip("/"))
        for wild, meant in ((r"\*\*/", "(?:.*/)?"), (r"\*\*", ".*"), (r"\*", "[^/]*"), (r"\?", "[^/]")):
            glob = glob.replace(wild, meant)
        if (
            glob
            and not pattern.startswith("#")
            and pattern.count("*") < MOST_STARS
            and re.fullmatch(rf"{glob}(?:/.*)?", name)
        ):
            decides = ("", 0, "") if pattern.startswith("!") else (str(file), number, pattern)
    return decides


# -- what is known, the most telling first -----------------------------------------------------------------------------

OUTPUT = [
    known(r"[Nn]o space left on device|ENOSPC", DISK),
    known(
        r"(?:^|: |\d )Killed\b|Killed signal|heap out of memory|[Cc]annot allocate memory|SIGKILL|^MemoryError", MEMORY
    ),
    known(r"[Ee]xec format error", ARCHITECTURE),
    known(r"\^M\b|\\r['\u2019]|Illegal option -$", CRLF),
    known(r"(?i)(?:bind\b|listen\b).*(?:permission denied|EACCES)", PORT),
    known(r"docker\.(?:io|com)\b.*(?:refused|0\.0\.0\.0)|0\.0\.0\.0:443\b.*refused", HUB_CLOSED),
    known(r"fatal error: ([\w./+-]+\.h)\w*: No such file", compiler_missing),
    known(
        r"command '(?:\S*-)?(gcc|g\+\+|cc|c\+\+|clang)' failed: No such|unable to execute '(?:\S*-)?(gcc|g\+\+|cc)'|"
        r"(?:sh: |\d+: |not found: )(gcc|g\+\+|cc|make)(?:: .*not found|$)|Unknown compiler|"
        r"((?:pg|mysql)_config) .*not found|find (Rust compiler)|(CMAKE_C\w*_COMPILER) not set",
        compiler_missing,
    ),
    known(r"^\S+:\d+(?::\d+)?: (?:fatal )?error: "),
    known(r"Failed building wheel for|Failed to build ['`]\w", wheel_missing),
    known(r"DO NOT MATCH THE HASHES|--require-hashes mode|[Hh]ash mismatch|Hash Sum mismatch", HASHES),
    known(r"^\s+(?:Expected sha\w+ |[\w.-]+(?:==|~=|>=)\S+ from http)"),
    known(
        r"\b40[13]\b.*(?:Credentials|Unauthorized|Forbidden)|\bE40[13]\b|could not read (?:Username|Password)", DENIED
    ),
    known(r"Unable to locate credentials|NoCredentials(?:Error|Provider)|169\.254\.", CREDENTIALS),
    known(
        r"^(?!.*Retry\(total=[1-9])(?i:.*(?:name resolution|temporary failure resolving|could not resolve|\bENOTFOUND|"
        r"EAI_AGAIN|dns error|name or service not known|connection refused|ECONNREFUSED|network is unreachable))",
        NETWORK,
    ),
    known(r"^E\s+\S", TESTS),
    known(r"^(?:FAILED|ERROR) \S+\.py|^FAIL: |^FAILED \(|^--- FAIL: |^Tests: .*failed", TESTS),
    known(r"requirements file: .*'(.+)'", "copy {0} into the image before this step"),
    known(r"Could not find a version that satisfies the requirement", VERSION),
    known(r"No matching distribution found|Unable to find installation candidates", VERSION),
    known(r"No solution found when resolving|version solving failed"),
    known(r"^\s*\u2570\u2500\u25b6 |(?<!E: )Failed to (?:fetch|download)[: ]"),
    known(r"lock(?:file| file)?\b.*(?:needs to be updated|not compatible|in sync)|changed significantly since", LOCK),
    known(r"Unable to locate package (\S+)|Package '(\S+)' has no installation candidate", package_missing),
    known(r"^E: Failed to fetch .*404", APT_UPDATE),
    known(r"\(no such package\)", "correct the name of the package: this release of Alpine does not have it"),
    known(r"^npm (?:error|ERR!) code (?!E40)\w+"),
    known(r"^npm (?:error|ERR!) code E404"),
    known(r"^npm (?:error|ERR!) 404", NO_NPM),
    known(r"^npm (?:error|ERR!) (?!code|A complete log|errno)\S"),
    known(r"(?:sh: |\d+: |exec:? \"?)(\S+?)\"?: [Pp]ermission denied", EXECUTABLE),
    known(r"(?:sh: |\d+: |exec: \")([^\s:\"]+)\"?: (?:command |executable file )?not found", program_missing),
    known(r"^exec (\S+): no such file or directory", program_missing),
    known(r"[Pp]ermission denied", RIGHTS),
    known(r"No module named '?([\w.]+)", module_missing, last=True),
    known(r"^\s*(?:\w+\.)*[A-Z]\w*(?:Error|Exception)\b", last=True),
    known(r"metadata-generation-failed|requirements to build wheel did not run|build_wheel\S* failed", wheel_missing),
    known(r"(?i)^\s*(?!npm)(?:error|fatal|e|\S+ error|curl: \(\d+\))[:!\s]", last=True),
]
ERRORS = [
    known(r"exit code: 137|cannot allocate memory", MEMORY),
    known(r"no space left on device", DISK),
    known(r"exec format error|no match for platform", ARCHITECTURE),
    known(r'"(/[^"]*)": not found', file_missing),
    known(r"docker\.(?:io|com)\b.*(?:refused|0\.0\.0\.0)|0\.0\.0\.0:443\b.*refused", HUB_CLOSED),
    known(r"\b429\b|toomanyrequests|\b50[0234] [A-Z]|no pulls are left", BUSY),
    known(r"repository with name '(\S+)' does not exist", "ECR has no repository {0}: deploy the stack that makes it"),
    known(r"tag .* already exists", "tags of this repository cannot be overwritten: build a new commit"),
    known(r"(?:denied|not allowed) by policy", "a source policy of this build refuses the image: use another one"),
    known(r"manifest unknown|: not found$", NO_TAG),
    known(r"\b40[13]\b|denied|authoriz|unauthorized|basic auth|AccessDenied", NO_LOGIN),
    known(r"no such host|i/o timeout|connection refused|connection reset|failed to do request", NETWORK),
    known(r"base name \((\S+)\) should not be blank", "write ARG with this name and a default before FROM"),
    known(r"failed to read dockerfile", "the repository has no Dockerfile there: correct the setting dockerfile"),
]

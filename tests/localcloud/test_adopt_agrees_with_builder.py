"""What `adopt` reads in a Dockerfile is what the builder asks registries for.

The builder of the local cloud builds every file of the corpus. A source policy gives it one tiny image for every name,
so that nothing is pulled; the names that it asked for are in its log. The image has no shell: what a Dockerfile would
run fails, after all names are resolved.
"""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from pythonbase_buildspecs import ImageReference
from pythonbase_localcloud.testing.cloud import ROOT, Cloud
from pythonbase_operations.adopt import directives
from pythonbase_operations.adopt.model import Build, Builder, FileError, Reach, Use
from pythonbase_operations.adopt.stages import images

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("builder", order=11)]

CORPUS = sorted((ROOT / "tests" / "corpus" / "dockerfiles").iterdir())
ARGUMENTS = {
    "Account_ID": "000000000000",
    "BASE_IMAGE": f"000000000000.dkr.ecr.eu-west-1.amazonaws.com/pythonbase@sha256:{'ab' * 32}",
}
IMAGE = "adopt-test:1"

# Its first line of each image that it looks up.
_LOOKED_UP = re.compile(
    r"^#\d+ (?:\[internal\] load metadata for |resolve image config for docker-image://)(\S+)$", re.MULTILINE
)
# Which of its beginnings it has depends on what ends first.
_ERROR = re.compile(r"^ERROR: failed to (?:solve|run Build function): (.*)", re.MULTILINE)
_REFUSED = re.compile(
    "dockerfile parse error|failed to parse stage name|failed to process|base name .* should not be blank|"
    "invalid stage index|circular dependency|unterminated heredoc|file with no instructions|cannot be empty|"
    "no build stage|target stage .* could not be found|invalid escape token|failed to parse platform|"
    "greater than max allowed|invalid context name"
)
_FAILED_LATER = re.compile(
    "did not complete successfully|^exit code: |no such (?:file or directory|host)|not found|"
    "cannot (?:copy|mount) from stage"
)

_STAGE = re.compile(rb"^\s*from\s.*?(?:\sas\s+([a-z][a-z0-9._-]*))?\s*$", re.IGNORECASE | re.MULTILINE)

# On these files CodeBuild's builder, which adopt stands for, and the one judging here are known to differ.
READ_DIFFERENTLY = {
    "argument-of-the-platform-declared",
    "argument-redeclared-without-value",
    "argument-with-bad-default",
    "argument-without-value-plain-default",
    "bom-and-syntax",
    "escape-behind-check",
    "onbuild-copy-in-a-stage",
    "onbuild-mount-in-a-stage",
    "syntax-behind-check",
}


@dataclass(frozen=True)
class Case:
    """One Dockerfile, one target."""

    name: str
    data: bytes
    target: str | None = None

    def __str__(self) -> str:
        return f"{self.name}{f' --target {self.target}' if self.target else ''}"


@dataclass(frozen=True)
class Judge:
    """The builder of the local cloud."""

    cloud: Cloud
    folder: Path
    architecture: str
    builder: Builder

    def build(self, target: str | None) -> Build:
        """The circumstances of its builds."""
        return Build(arguments=ARGUMENTS, target=target, architecture=self.architecture, builder=self.builder)

    def names(self, number: int, case: Case) -> set[str] | None:
        """Canonical names that a build asks for; None if the builder refuses the Dockerfile."""
        folder = self.folder / str(number)
        (folder / "context").mkdir(parents=True)
        (folder / "Dockerfile").write_bytes(case.data)
        command = ["docker", "buildx", "build", "--progress=plain", "--no-cache", "--output=type=cacheonly"]
        command += [f"--build-arg={name}={value}" for name, value in ARGUMENTS.items()]
        command += [f"--target={case.target}"] if case.target else []
        command += [f"--file={folder / 'Dockerfile'}", str(folder / "context")]
        policy = {"EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": str(self.folder / "policy.json")}
        environment = {**self.cloud.environment(), **policy}
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=False, timeout=120)
        log = done.stderr.decode(errors="replace")  # it repeats what is in the file
        error = _ERROR.search(log)
        if error and _REFUSED.search(error[1]):
            return None
        failed = error is not None and _FAILED_LATER.search(error[1]) is not None
        assert done.returncode == 0 or failed, f"{case}: the builder says something new:\n{log}"
        names = {ImageReference.parse(name).canonical for name in _LOOKED_UP.findall(log)}
        # An image that two stages share is looked up once more under the name that the policy gave it.
        return names - {ImageReference.parse(IMAGE).canonical}


@pytest.fixture(scope="module")
def judge(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    folder = tmp_path_factory.mktemp("judge")
    (folder / "nothing").write_text("")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
    cloud.run("docker", "buildx", "build", "--quiet", "--tag", IMAGE, str(folder))
    everything = {"identifier": "docker-image://*", "matchType": "WILDCARD"}
    instead = {"identifier": f"docker-image://docker.io/library/{IMAGE}"}
    rule = {"action": "CONVERT", "selector": everything, "updates": instead}
    (folder / "policy.json").write_text(json.dumps({"rules": [rule]}))
    shown = cloud.run("docker", "version", "--format", "{{.Server.Arch}} {{.Server.Version}}").stdout.split()
    builder = Builder.DOCKER_28 if int(shown[1].split(".")[0]) >= int(Builder.DOCKER_28) else Builder.DOCKER_26
    return Judge(cloud, folder, shown[0], builder)


def _cases(judge: Judge) -> list[Case]:
    """Each file as it is built, and each named stage of it. A frontend that is an image is looked at by itself."""
    cases = []
    for path in CORPUS:
        name, data = path.stem, path.read_bytes()
        cases.append(Case(name, data))
        frontend = directives.syntax(data, builder=judge.builder)
        if frontend:
            lines = data.split(b"\n")
            if not lines[frontend.line - 1].startswith(b"#"):
                continue
            del lines[frontend.line - 1]
            data = b"\n".join(lines)
            cases.append(Case(f"{name} without it", data))
        cases += [Case(name, data, target) for target in _targets(data)]
    return cases


def _targets(data: bytes) -> list[str]:
    """Names of stages, but for the last one, which is built anyway. Found without adopt, and some are none."""
    found = [match.decode().lower() for match in _STAGE.findall(data)]
    return sorted({name for name in found[:-1] if name} - {found[-1] if found else ""})


def _names(uses: list[Use], *, of_frontend: bool) -> set[str]:
    return {
        use.reference.canonical
        for use in uses
        if use.reach is Reach.BUILT and use.place.endswith("syntax") == of_frontend
    }


def _read(case: Case, build: Build) -> set[str] | None:
    """What adopt reads. A frontend is resolved first, and then nothing, because the test's image is none."""
    try:
        uses = images(case.data, build)
    except FileError as error:
        return _names(list(error.seen), of_frontend=True) or None
    return _names(uses, of_frontend=True) or _names(uses, of_frontend=False)


def test_the_corpus_is_large_and_varied() -> None:
    contents = [path.read_bytes() for path in CORPUS]
    assert len(contents) >= 60
    assert len(set(contents)) == len(contents)


def test_adopt_and_the_builder_agree_on_every_dockerfile(judge: Judge) -> None:
    cases = _cases(judge)
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(judge.names, range(len(cases)), cases))
    read = [_read(case, judge.build(case.target)) for case in cases]
    different = [
        f"{case}: the builder {sorted(names) if names is not None else 'refuses it'}, "
        f"adopt {sorted(found) if found is not None else 'refuses it'}"
        for case, names, found in zip(cases, asked, read, strict=True)
        if names != found
    ]
    assert not different, "\n".join(different)
    # the comparison means something: both answers occur, and often
    assert sum(names is None for names in asked) > 20
    assert sum(bool(names) for names in asked) > 100


def test_only_known_files_are_read_differently_for_codebuilds_builder() -> None:
    different = set()
    for path in CORPUS:
        case = Case(path.stem, path.read_bytes())
        earlier, later = (
            _read(case, Build(arguments=ARGUMENTS, builder=builder))
            for builder in (Builder.DOCKER_26, Builder.DOCKER_28)
        )
        if earlier != later:
            different.add(case.name)
    assert different == READ_DIFFERENTLY
